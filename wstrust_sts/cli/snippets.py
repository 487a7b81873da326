"""Configuration for services and clients, as texts with placeholders in the folder snippets/.

`@@{name}` stands for a value, as the language of the snippet writes a string: nothing that a relying party or an issuer
is called can become code, or markup.
"""

import json
import string
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources

from wstrust_sts.wire.markup import attribute

Values = Mapping[str, str | tuple[str, ...] | None]
_Written = str | tuple[str, ...]


class _Placeholders(string.Template):
    delimiter = "@@"


def _xml(value: str | None) -> str:
    return attribute(value or "")


def _spring_xml(value: str | None) -> str:
    """Spring evaluates expressions in attributes, and has no way to write these characters as they are."""
    if value is not None and ("${" in value or "#{" in value):
        raise ValueError("Spring would evaluate the expression in it")
    return _xml(value)


def _python(value: str | None) -> str:
    """In ASCII, so that a name cannot change how the source is displayed."""
    return ascii(value)


def _json(value: str | None) -> str:
    """A string of JavaScript, and of Java: in ASCII, as `_python`."""
    return json.dumps(value)


def _lines_of_python(pem: str) -> str:
    return f'"""{pem}"""'


def _lines_of_java(pem: str) -> str:
    return f'"""\n{pem}"""'


def _lines_of_javascript(pem: str) -> str:
    return f"`{pem}`"


@dataclass(frozen=True, slots=True)
class Language:
    """A snippet's file, what it is, how strings and PEM (which needs no escapes) are written in it, what is to be done
    beside it, and whether it can verify ECDSA.
    """

    file: str
    summary: str
    write: Callable[[str | None], str]
    quote: Callable[[str], str] = str
    notes: tuple[str, ...] = ()
    ecdsa: bool = True


_STORE = (
    "Put the signing certificates into the store that it names, each under an alias of its own:",
    "  wstrust-sts key list --pem > signing.pem",
    "  keytool -importcert -noprompt -alias sts -file signing.pem -keystore sts-signing.p12 -storetype PKCS12 "
    "-storepass changeit",
)
LANGUAGES: Mapping[str, Language] = {
    "wcf": Language("wcf.config", "App.config or Web.config of a service on WCF, and of its client", _xml, ecdsa=False),
    "cxf": Language(
        "cxf.xml", "Spring beans for a service on Apache CXF, and for its client", _spring_xml, notes=_STORE
    ),
    "spring": Language("spring.java", "a configuration of Spring Web Services", _json, _lines_of_java),
    "zeep": Language("zeep.py", "a client in Python, which gets a token", _python, _lines_of_python),
    "python": Language("python.py", "what verifies tokens in a service in Python", _python, _lines_of_python),
    "node": Language(
        "node.js", "a client, and what verifies tokens, in Node.js", _json, _lines_of_javascript, ecdsa=False
    ),
}


def write_snippet(language: Language, values: Values, certificates: tuple[str, ...]) -> str:
    """The snippet with its placeholders filled in; `certificates` are PEM. A line that names one of several values is
    there once for each. Raises ValueError for a value that the language cannot hold.
    """
    written: dict[str, _Written] = {"pem": tuple(map(language.quote, certificates))}
    for name, value in values.items():
        written[name] = tuple(map(language.write, value)) if isinstance(value, tuple) else language.write(value)
    file = resources.files("wstrust_sts") / "snippets" / f"{language.file}.template"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(filled for line in lines for filled in _fill(line, written))


def _fill(line: str, values: Mapping[str, _Written]) -> Iterator[str]:
    template = _Placeholders(line)
    once: dict[str, str] = {}
    repeated: list[dict[str, str]] = []
    for name in template.get_identifiers():
        value = values[name]
        if isinstance(value, str):
            once[name] = value
        else:
            repeated += [{name: one} for one in value]
    for each in repeated or [{}]:
        yield template.substitute(once | each)
