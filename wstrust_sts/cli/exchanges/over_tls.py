"""Messages that TLS protects (policies `usernamemixed`, `certificatemixed`, `usernamecertificatemixed`,
`certificatetransport` and `issuedtokenmixed...`): who asks is proved by a password, by an endorsing signature, by both,
or by the connection's own certificate.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import ClassVar

from wstrust_sts.cli.exchanges.exchange import Sent, read_octets, relates, username_token
from wstrust_sts.cli.exchanges.unverified import read_soap
from wstrust_sts.ports import Decrypter
from wstrust_sts.wire.seal import Unsealed
from wstrust_sts.wire.sealing import EndorsingKey, EndorsingSeal
from wstrust_sts.wire.xml import Element


@dataclass(frozen=True, slots=True, kw_only=True)
class OverTls:
    """A `Binding`. Without `user` there is no password in its messages, without `endorsement` no signature.

    `decrypter` is the key of the certificate that proves who asks, where it can open something.
    """

    hides: ClassVar[bool] = False
    protects: ClassVar[bool] = False
    user: str | None = None
    password: str = field(default="", repr=False)
    endorsement: EndorsingKey | None = None
    decrypter: Decrypter | None = None

    def protect(self, message: Unsealed) -> Sent:
        tokens = () if self.user is None else (username_token(self.user, self.password),)
        octets = EndorsingSeal(key=self.endorsement).protect(replace(message, tokens=tokens))
        request = read_octets(octets)

        def open_answer(octets: bytes, now: datetime) -> Element:
            answer = read_soap(octets)
            relates(answer.iterfind("{*}Header/{*}RelatesTo"), request=request)
            return answer

        return Sent(octets=octets, readable=request.root, open_answer=open_answer)
