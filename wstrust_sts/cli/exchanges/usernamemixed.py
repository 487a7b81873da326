"""A password over TLS (policy `usernamemixed`): the connection protects both messages."""

from dataclasses import dataclass, field
from datetime import datetime

from wstrust_sts import ns
from wstrust_sts.cli.exchanges.exchange import Sent, read_octets, relates, username_token
from wstrust_sts.cli.exchanges.unverified import read_soap
from wstrust_sts.wire.seal import Unsealed
from wstrust_sts.wire.wsse import write_timestamp
from wstrust_sts.wire.xml import Element


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordOverTls:
    """A `Binding`."""

    user: str
    password: str = field(repr=False)

    @property
    def hides(self) -> bool:
        return False

    @property
    def protects(self) -> bool:
        return False

    def protect(self, message: Unsealed) -> Sent:
        octets = b"".join(
            (
                f'<s:Envelope xmlns:s="{message.namespace}" xmlns:u="{ns.WSU}"><s:Header>{message.blocks}'
                f'<o:Security xmlns:o="{ns.WSSE}" s:mustUnderstand="1">'
                f"{write_timestamp(message.now, identifier='time')}{username_token(self.user, self.password)}"
                "</o:Security></s:Header><s:Body>".encode(),
                message.body,
                b"</s:Body></s:Envelope>",
            )
        )
        request = read_octets(octets)

        def open_answer(octets: bytes, now: datetime) -> Element:
            answer = read_soap(octets)
            relates(answer.iterfind("{*}Header/{*}RelatesTo"), request=request)
            return answer

        return Sent(octets=octets, readable=request.root, open_answer=open_answer)
