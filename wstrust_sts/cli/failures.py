"""What an operator reads when a command fails: the cause and the fix, never a traceback."""

import importlib

from wstrust_sts.errors import StsError
from wstrust_sts.strict_toml import ConfigurationError

# Failures whose text is written for operators; named, so that explaining one does not import all of them.
_FOR_OPERATORS = (
    ("wstrust_sts.storage.failures", "UnusableDatabase"),
    ("wstrust_sts.registry", "UnknownPlugin"),
    ("wstrust_sts.server.settings", "CannotStart"),
)


def explain(failure: Exception) -> str:
    """The message of a failure, in one or more lines."""
    if isinstance(failure, ConfigurationError):
        return explain_problems(failure)
    if isinstance(failure, StsError):
        return f"Error: {failure.detail}"
    if isinstance(failure, OSError) and failure.filename is not None:
        return f"Error: {failure.filename}: {failure.strerror}"
    if isinstance(failure, (OSError, ValueError)) or type(failure) is RuntimeError or _is_for_operators(failure):
        return f"Error: {failure}"
    return (
        f"Error: an unexpected {type(failure).__name__}. This is a fault of the program; "
        "with WSTRUST_STS_TRACEBACK=1 in the environment it shows where."
    )


def explain_problems(failure: ConfigurationError) -> str:
    count = len(failure.problems)
    return f"Error: {count} problem{'s' if count != 1 else ''}\n{failure}"


def _is_for_operators(failure: Exception) -> bool:
    for module, name in _FOR_OPERATORS:
        if type(failure).__module__ == module:
            return isinstance(failure, getattr(importlib.import_module(module), name))
    return False
