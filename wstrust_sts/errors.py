"""The fault tree: every reason to refuse, its code on the wire, and the one sentence a client may read.

A class carries what goes out (fault QName, side, HTTP status, constant sentence, OAuth error code). The
constructor's argument is the *detail*: it goes to the log and the audit trail under the correlation id that
the fault carries, and never into an answer (WS-Trust 1.3 section 11, WS-Security 1.1 section 12).
"""

from typing import ClassVar, Literal

Namespace = Literal["wst", "wsse", "wsc", "wsa", "soap", "wsu", "none"]
Side = Literal["sender", "receiver"]


class StsError(Exception):
    """A request that is refused. Raise a subclass; `detail` is for operators only."""

    namespace: ClassVar[Namespace] = "wst"
    code: ClassVar[str] = "RequestFailed"
    side: ClassVar[Side] = "sender"
    status: ClassVar[int] = 500
    sentence: ClassVar[str] = "The specified request failed."
    oauth: ClassVar[str] = "invalid_request"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or self.sentence)
        self.detail = detail or self.sentence


# -- the SOAP layer -------------------------------------------------------------------------------------


class NotWellFormed(StsError):
    """Not XML, or not an envelope of SOAP's shape. Client or Sender without a subcode."""

    namespace = "none"
    code = ""
    sentence = "The message is not a well-formed SOAP envelope."


class VersionMismatch(StsError):
    namespace = "soap"
    code = "VersionMismatch"
    sentence = "The SOAP envelope version is not supported."


class MustUnderstand(StsError):
    """`headers` are the {namespace}local names for the NotUnderstood blocks of SOAP 1.2."""

    namespace = "soap"
    code = "MustUnderstand"
    sentence = "A mandatory header block was not understood."

    def __init__(self, headers: tuple[str, ...]) -> None:
        super().__init__("not understood: " + ", ".join(headers))
        self.headers = headers


# -- WS-Addressing 1.0 SOAP binding, section 6.4 -----------------------------------------------------------


class ActionNotSupported(StsError):
    namespace = "wsa"
    code = "ActionNotSupported"
    sentence = "The action cannot be processed at the receiver."


class OnlyAnonymousAddressSupported(StsError):
    namespace = "wsa"
    code = "OnlyAnonymousAddressSupported"
    sentence = "Only the anonymous address is supported for replies and faults."


class DestinationUnreachable(StsError):
    """wsa:To is not this endpoint (strict mode only)."""

    namespace = "wsa"
    code = "DestinationUnreachable"
    sentence = "The message is not addressed to this endpoint."


# -- WS-Security 1.1 section 12: the Security header failed --------------------------------------------------


class InvalidSecurity(StsError):
    namespace = "wsse"
    code = "InvalidSecurity"
    sentence = "An error was discovered processing the Security header."
    oauth = "invalid_client"


class UnsupportedSecurityToken(StsError):
    namespace = "wsse"
    code = "UnsupportedSecurityToken"
    sentence = "An unsupported token was provided."
    oauth = "invalid_client"


class UnsupportedAlgorithm(StsError):
    namespace = "wsse"
    code = "UnsupportedAlgorithm"
    sentence = "An unsupported signature or encryption algorithm was used."


class InvalidHeaderToken(StsError):
    namespace = "wsse"
    code = "InvalidSecurityToken"
    sentence = "An invalid security token was provided."
    oauth = "invalid_client"


class FailedAuthentication(StsError):
    """The same for an unknown user, a wrong password, a locked account and a replayed nonce."""

    namespace = "wsse"
    code = "FailedAuthentication"
    sentence = "The security token could not be authenticated or authorized."
    oauth = "invalid_client"


class FailedCheck(StsError):
    namespace = "wsse"
    code = "FailedCheck"
    sentence = "The signature or decryption was invalid."
    oauth = "invalid_client"


class SecurityTokenUnavailable(StsError):
    namespace = "wsse"
    code = "SecurityTokenUnavailable"
    sentence = "Referenced security token could not be retrieved."
    oauth = "invalid_client"


class MessageExpired(StsError):
    namespace = "wsse"
    code = "MessageExpired"
    sentence = "The message has expired."


# -- WS-SecureConversation 1.3 section 9 -------------------------------------------------------------------------


class BadContextToken(StsError):
    """A security context that is not known, or not any more: expired, cancelled, of another realm."""

    namespace = "wsc"
    code = "BadContextToken"
    sentence = "The requested context elements are insufficient or unsupported."
    oauth = "invalid_client"


class UnableToRenewContext(StsError):
    """A context of ours, and the requestor's, that cannot be renewed, or not any more."""

    namespace = "wsc"
    code = "UnableToRenew"
    sentence = "The specified context token could not be renewed."
    oauth = "invalid_grant"


# -- WS-Trust 1.3 section 11: the request failed ----------------------------------------------------------------


class InvalidRequest(StsError):
    code = "InvalidRequest"
    sentence = "The request was invalid or malformed."


class BadRequest(StsError):
    """Understood and not offered: a token type, key type, operation or option this STS does not have here."""

    code = "BadRequest"
    sentence = "The specified RequestSecurityToken is not understood."


class InvalidSecurityToken(StsError):
    """A token inside the request (a target) is not acceptable."""

    code = "InvalidSecurityToken"
    sentence = "Security token has been revoked or is not valid."
    oauth = "invalid_grant"


class UnableToRenew(StsError):
    """A token of ours, and the requestor's, that cannot be renewed, or not any more."""

    code = "UnableToRenew"
    sentence = "The requested renewal failed."
    oauth = "invalid_grant"


class InvalidTimeRange(StsError):
    code = "InvalidTimeRange"
    sentence = "The requested time range is invalid or unsupported."


class InvalidScope(StsError):
    """No relying party is registered for AppliesTo, or not for this requestor."""

    code = "InvalidScope"
    sentence = "The request scope is invalid or unsupported."
    oauth = "invalid_target"


class NotAuthorized(StsError):
    """Authenticated, and not allowed to do this."""

    code = "RequestFailed"
    sentence = "The specified request failed."
    oauth = "access_denied"


class RequestFailed(StsError):
    """Our own fault: nothing the client sent is to blame."""

    code = "RequestFailed"
    side = "receiver"
    sentence = "The specified request failed."
    oauth = "server_error"


class Busy(RequestFailed):
    """Too much at once, or the database is away: try again after `Retry-After` seconds."""

    status = 503
    sentence = "The service is busy; try again later."
    oauth = "temporarily_unavailable"
    retry_after: ClassVar[int] = 1


# -- without an envelope: plain HTTP answers -----------------------------------------------------------------------


class HttpRefusal(Exception):
    """An answer without a SOAP envelope, decided before a message is seen."""

    status: ClassVar[int] = 400
    sentence: ClassVar[str] = "Bad request."
    headers: ClassVar[tuple[tuple[str, str], ...]] = ()


class EmptyRequest(HttpRefusal):
    status = 400
    sentence = "The request has no body; POST a SOAP envelope."


class NotFound(HttpRefusal):
    status = 404
    sentence = "There is no endpoint at this path."


class MethodNotAllowed(HttpRefusal):
    status = 405
    sentence = "Use POST for SOAP requests, or GET with ?wsdl for the contract."
    headers = (("Allow", "GET, HEAD, POST"),)


class OnlyForReading(HttpRefusal):
    status = 405
    sentence = "Use GET or HEAD."
    headers = (("Allow", "GET, HEAD"),)


class TooLarge(HttpRefusal):
    status = 413
    sentence = "The request is larger than this service accepts."


class UnsupportedMediaType(HttpRefusal):
    status = 415
    sentence = "Use text/xml (SOAP 1.1) or application/soap+xml (SOAP 1.2) in UTF-8 or UTF-16."


def fault_classes() -> tuple[type[StsError], ...]:
    """Every class of the tree that can go out as a SOAP fault, base first."""

    def below(cls: type[StsError]) -> list[type[StsError]]:
        return [cls, *(leaf for child in cls.__subclasses__() for leaf in below(child))]

    return tuple(below(StsError))
