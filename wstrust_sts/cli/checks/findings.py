"""What a check finds."""

from dataclasses import dataclass

from wstrust_sts.strict_toml import Problem


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong; a warning is not yet a fault."""

    problem: Problem
    warning: bool = False


def fault(where: object, what: str, fix: str) -> Finding:
    return Finding(Problem(str(where), what, fix))


def warning(where: object, what: str, fix: str) -> Finding:
    return Finding(Problem(str(where), what, fix), warning=True)


def reason(error: Exception) -> str:
    """Why a file could not be used, in two words."""
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else "wrong format"
