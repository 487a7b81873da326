"""The table of the wire contract's row 26: condition, code and HTTP status, held against the fault tree."""

import string

import pytest

from wstrust_sts import errors

# condition -> (class, prefix, code, HTTP status); the prefix `none` is Client or Sender without a subcode
TABLE = {
    "not well-formed": (errors.NotWellFormed, "none", "", 500),
    "another envelope version": (errors.VersionMismatch, "soap", "VersionMismatch", 500),
    "a mandatory header that is not understood": (errors.MustUnderstand, "soap", "MustUnderstand", 500),
    "an unknown action": (errors.ActionNotSupported, "wsa", "ActionNotSupported", 500),
    "a reply address that is not anonymous": (
        errors.OnlyAnonymousAddressSupported,
        "wsa",
        "OnlyAnonymousAddressSupported",
        500,
    ),
    "wsa:To of another endpoint, in strict mode": (errors.DestinationUnreachable, "wsa", "DestinationUnreachable", 500),
    "DTD, entity, processing instruction, flood, doubled element, unreadable request, mandatory claim": (
        errors.InvalidRequest,
        "wst",
        "InvalidRequest",
        500,
    ),
    "missing or doubled Timestamp": (errors.InvalidSecurity, "wsse", "InvalidSecurity", 500),
    "expired or future Timestamp": (errors.MessageExpired, "wsse", "MessageExpired", 500),
    "wrong password, unknown user, replayed nonce": (errors.FailedAuthentication, "wsse", "FailedAuthentication", 500),
    "a token in the header that is not asked for": (
        errors.UnsupportedSecurityToken,
        "wsse",
        "UnsupportedSecurityToken",
        500,
    ),
    "an algorithm in the header that is not allowed": (
        errors.UnsupportedAlgorithm,
        "wsse",
        "UnsupportedAlgorithm",
        500,
    ),
    "a bad token in the header": (errors.InvalidHeaderToken, "wsse", "InvalidSecurityToken", 500),
    "a signature that does not verify": (errors.FailedCheck, "wsse", "FailedCheck", 500),
    "a token that a reference names and nobody has": (
        errors.SecurityTokenUnavailable,
        "wsse",
        "SecurityTokenUnavailable",
        500,
    ),
    "a security context that is unknown, expired or cancelled": (
        errors.BadContextToken,
        "wsc",
        "BadContextToken",
        500,
    ),
    "a security context that cannot be renewed": (errors.UnableToRenewContext, "wsc", "UnableToRenew", 500),
    "unsupported token type, key type or operation": (errors.BadRequest, "wst", "BadRequest", 500),
    "a bad target": (errors.InvalidSecurityToken, "wst", "InvalidSecurityToken", 500),
    "a token that cannot be renewed": (errors.UnableToRenew, "wst", "UnableToRenew", 500),
    "a bad lifetime": (errors.InvalidTimeRange, "wst", "InvalidTimeRange", 500),
    "an unregistered AppliesTo": (errors.InvalidScope, "wst", "InvalidScope", 500),
    "authenticated and not allowed": (errors.NotAuthorized, "wst", "RequestFailed", 500),
    "our own failure": (errors.RequestFailed, "wst", "RequestFailed", 500),
    "busy, or the database is down": (errors.Busy, "wst", "RequestFailed", 503),
}
PLAIN = {
    "empty": (errors.EmptyRequest, 400),
    "another path": (errors.NotFound, 404),
    "another method": (errors.MethodNotAllowed, 405),
    "another method where there is only something to read": (errors.OnlyForReading, 405),
    "too large": (errors.TooLarge, 413),
    "another media type": (errors.UnsupportedMediaType, 415),
}
OURS = {errors.RequestFailed, errors.Busy}
EVERY_CLASS = pytest.mark.parametrize("cls", errors.fault_classes(), ids=lambda cls: cls.__name__)


def instance(cls, *detail: str):
    return cls(("{urn:x}Header",)) if cls is errors.MustUnderstand else cls(*detail)


@pytest.mark.parametrize(("cls", "prefix", "code", "status"), TABLE.values(), ids=TABLE)
def test_each_condition_has_its_code_and_status(cls, prefix, code, status):
    assert (cls.namespace, cls.code, cls.status) == (prefix, code, status)


@pytest.mark.parametrize(("cls", "status"), PLAIN.values(), ids=PLAIN)
def test_each_plain_answer_has_its_status(cls, status):
    assert cls.status == status
    assert cls.sentence.endswith(".")


def test_no_class_is_missing_from_the_table():
    assert {row[0] for row in TABLE.values()} == set(errors.fault_classes()) - {errors.StsError}
    assert {row[0] for row in PLAIN.values()} == {
        refusal for refusal in errors.HttpRefusal.__subclasses__() if refusal.__module__ == errors.__name__
    }  # the front's own are in the error reference


@EVERY_CLASS
def test_each_class_has_one_constant_sentence_without_a_place_for_anything(cls):
    assert cls.sentence
    assert cls.sentence == cls.sentence.strip()
    assert cls.sentence.endswith(".")
    assert not set(cls.sentence) & set("{}%<>&$")
    assert all(field is None for _, field, _, _ in string.Formatter().parse(cls.sentence))
    assert instance(cls).sentence == instance(cls, "a detail").sentence == cls.sentence


@EVERY_CLASS
def test_the_caller_is_to_blame_but_for_our_own_failures(cls):
    assert cls.side == ("receiver" if cls in OURS else "sender")


@EVERY_CLASS
def test_the_detail_is_the_operators_and_never_empty(cls):
    assert instance(cls).detail
    if cls is not errors.MustUnderstand:
        assert cls("a detail").detail == str(cls("a detail")) == "a detail"
        assert cls().detail == cls.sentence


@EVERY_CLASS
def test_each_has_an_oauth_code(cls):
    assert cls.oauth in {
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "invalid_target",
        "access_denied",
        "server_error",
        "temporarily_unavailable",
    }


def test_a_code_has_one_sentence_unless_its_status_tells_it_apart():
    sentences: dict[tuple[str, str, int], set[str]] = {}
    for cls in errors.fault_classes():
        sentences.setdefault((cls.namespace, cls.code, cls.status), set()).add(cls.sentence)
    assert all(len(found) == 1 for found in sentences.values())


def test_busy_says_when_to_try_again():
    assert errors.Busy.retry_after >= 1


def test_headers_that_were_not_understood_are_kept_for_soap_12():
    missed = errors.MustUnderstand(("{urn:x}A", "B"))
    assert missed.headers == ("{urn:x}A", "B")
    assert missed.detail == "not understood: {urn:x}A, B"
