"""Name constraints: the names that an authority may give (RFC 5280 section 4.2.1.10).

The constraints of one authority at a time: a path holds when each authority's hold for all below it, which comes to the
intersection and union of section 6.1.4. Constraints of a form that is not known here (otherName and the like) refuse
each certificate with a name of that form.
"""

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.x509.oid import NameOID

from wstrust_sts.pki.soundness import Unsuitable, extension

MAX_SUBTREES = 256  # of one authority


def demand_allowed(certificate: x509.Certificate, constraints: x509.NameConstraints) -> None:
    """Every name of `certificate`, its subject among them, is one that may be given. Raises Unsuitable."""
    permitted, excluded = constraints.permitted_subtrees or [], constraints.excluded_subtrees or []
    if len(permitted) + len(excluded) > MAX_SUBTREES:
        raise Unsuitable(f"more than {MAX_SUBTREES} name constraints")
    for name in _constrained_names(certificate):
        if _is_in_any(name, excluded) or _could_stand_for_any(name, excluded):
            raise Unsuitable(f"a name of it is excluded by name constraints: {_written(name)}")
        of_its_form = [subtree for subtree in permitted if isinstance(subtree, type(name))]
        if of_its_form and not _is_in_any(name, of_its_form):
            raise Unsuitable(f"a name of it is not permitted by name constraints: {_written(name)}")


def _constrained_names(certificate: x509.Certificate) -> Iterator[x509.GeneralName]:
    if list(certificate.subject):
        yield x509.DirectoryName(certificate.subject)
    for attribute in certificate.subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS):
        try:
            yield x509.RFC822Name(str(attribute.value))
        except ValueError:
            raise Unsuitable("the mailbox in its subject is unreadable") from None
    alternative = extension(certificate, x509.SubjectAlternativeName)
    if alternative is not None:
        yield from alternative


def _is_in_any(name: x509.GeneralName, subtrees: Sequence[x509.GeneralName]) -> bool:
    """Raises Unsuitable: it cannot be told."""
    for subtree in subtrees:
        if not isinstance(subtree, type(name)):
            continue
        within = _WITHIN.get(type(name))
        if within is None:
            raise Unsuitable(f"name constraints of a form that is not known here: {type(name).__name__}")
        try:
            if within(name.value, subtree.value):
                return True
        except ValueError:
            raise Unsuitable(f"a name of it cannot be held against name constraints: {_written(name)}") from None
    return False


def _could_stand_for_any(name: x509.GeneralName, subtrees: Sequence[x509.GeneralName]) -> bool:
    """Whether a wildcard covers a host that is excluded."""
    if not isinstance(name, x509.DNSName) or not name.value.startswith("*."):
        return False
    covered = name.value[1:].lower().removesuffix(".")
    return any(isinstance(each, x509.DNSName) and each.value.lower().endswith(covered) for each in subtrees)


def _written(name: x509.GeneralName) -> str:
    return repr(str(name.value.rfc4514_string() if isinstance(name, x509.DirectoryName) else name.value)[:256])


def _directory_within(name: x509.Name, subtree: x509.Name) -> bool:
    parts, wanted = _parts(name), _parts(subtree)
    return parts[: len(wanted)] == wanted


def _parts(name: x509.Name) -> list[frozenset[tuple[str, str]]]:
    """Section 7.1: values are compared without regard to case, width and runs of white space."""
    return [
        frozenset((attribute.oid.dotted_string, _folded(str(attribute.value))) for attribute in part)
        for part in name.rdns
    ]


def _folded(value: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", value).casefold().split())


def _host_within(name: str, subtree: str) -> bool:
    """A host name, or whatever is below it."""
    host, base = _host(name), _host(subtree)
    return not base or host == base or host.endswith(base if base.startswith(".") else f".{base}")


def _mailbox_within(name: str, subtree: str) -> bool:
    """A mailbox, all mailboxes of a host, or with a leading point those of all hosts below a domain."""
    mailbox, at, host = name.rpartition("@")
    if not (mailbox and at and host):
        raise ValueError("no mailbox")
    wanted, at, domain = subtree.rpartition("@")
    if at and wanted != mailbox:
        return False
    return _is_at(_host(host), _host(domain))


def _uri_within(name: str, subtree: str) -> bool:
    """Its host, or with a leading point all hosts below a domain. A URI without a host name cannot be told."""
    host = urlsplit(name).hostname
    if not host or ":" in host or host.rpartition(".")[2].isdigit():
        raise ValueError("no host name")
    return _is_at(_host(host), _host(subtree))


def _is_at(host: str, base: str) -> bool:
    return not base or (host.endswith(base) if base.startswith(".") else host == base)


def _host(value: str) -> str:
    if not value.isascii() or not value.isprintable():
        raise ValueError("no host name")
    return value.lower().removesuffix(".")


def _address_within(name: Any, subtree: Any) -> bool:
    return name.version == subtree.version and name in subtree


_WITHIN: Mapping[type[x509.GeneralName], Callable[[Any, Any], bool]] = {
    x509.DirectoryName: _directory_within,
    x509.DNSName: _host_within,
    x509.RFC822Name: _mailbox_within,
    x509.UniformResourceIdentifier: _uri_within,
    x509.IPAddress: _address_within,
}
