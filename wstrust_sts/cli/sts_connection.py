"""The connection to an STS: one POST on a connection of its own, over TLS unless the message needs none."""

import http.client
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from wstrust_sts import __version__
from wstrust_sts.cli.message_keys import key_password
from wstrust_sts.cli.output import Refusal

_MAXIMUM_ANSWER = 4 * 2**20  # octets


class NoAnswer(Refusal):
    """There was no SOAP answer: no connection, no trust in the certificate, or another kind of answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StsConnection:
    """`ca` is a PEM file of what to trust; without it, what the system trusts. `certificate`, with what it was issued
    by below it, and `key` are the requestor's in TLS.
    """

    url: str
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    timeout: float = 30.0

    def post(self, message: bytes, headers: dict[str, str], *, hidden: bool) -> tuple[int, bytes]:
        """HTTP status and octets of the answer. `hidden`: nobody on the way can read the message.

        Raises NoAnswer, and Refusal for an address that cannot be used.
        """
        return self._exchange("POST", message, headers, connected=self._connect(hidden=hidden))

    def get_wsdl(self) -> bytes:
        """What is at the endpoint's `?wsdl`, which everybody may read. Raises as `post`."""
        connection, path = self._connect(hidden=True)
        status, octets = self._exchange("GET", None, {}, connected=(connection, f"{path.partition('?')[0]}?wsdl"))
        if status != http.client.OK:
            raise NoAnswer(f"There is no WSDL at {self.url}?wsdl: HTTP status {status}")
        return octets

    def _exchange(
        self,
        method: str,
        message: bytes | None,
        headers: dict[str, str],
        *,
        connected: tuple[http.client.HTTPConnection, str],
    ) -> tuple[int, bytes]:
        connection, path = connected
        try:
            connection.request(
                method, path, body=message, headers=headers | {"User-Agent": f"wstrust-sts/{__version__}"}
            )
            response = connection.getresponse()
            return response.status, response.read(_MAXIMUM_ANSWER)
        except ssl.SSLCertVerificationError as error:
            raise NoAnswer(
                f"The certificate of {self.url} is not trusted: {error.verify_message}. --ca names what to trust."
            ) from None
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(f"No answer from {self.url}: {self.explain(error)}") from None
        finally:
            connection.close()

    def explain(self, error: OSError | http.client.HTTPException) -> str:
        """The reason, and where to look."""
        if isinstance(error, ConnectionRefusedError):
            return "nothing listens there. Start the server, or correct --url."
        ended = isinstance(error, (ssl.SSLError, http.client.RemoteDisconnected, ConnectionResetError))
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
        if ended and self.certificate is not None:
            return f"TLS ended ({reason}). The server takes --certificate only if its client_authorities vouch for it."
        if isinstance(error, http.client.RemoteDisconnected) and self.url.startswith("http:"):
            return f"{reason}. If it speaks TLS, write https."
        return reason

    def _connect(self, *, hidden: bool) -> tuple[http.client.HTTPConnection, str]:
        parts = urlsplit(self.url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if not parts.hostname or parts.scheme not in ("http", "https"):
            raise Refusal(f"{self.url} is not an address: write https://host:port/path")
        if parts.scheme == "http":
            if not hidden and not _is_loopback(parts.hostname):
                raise Refusal(f"{self.url} would show the password or the token to the network: use https")
            return http.client.HTTPConnection(parts.hostname, parts.port, timeout=self.timeout), path
        tls = self._tls()
        return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=self.timeout, context=tls), path

    def _tls(self) -> ssl.SSLContext:
        try:
            tls = ssl.create_default_context(cafile=self.ca)
        except (OSError, ssl.SSLError) as error:
            raise Refusal(f"{self.ca} cannot be read as PEM certificates: {error}") from None
        if self.certificate is not None and (key := self.key) is not None:
            try:
                tls.load_cert_chain(self.certificate, key, password=lambda: key_password(key))
            except (OSError, ssl.SSLError):
                raise Refusal(f"TLS cannot use {self.certificate} with the key in {key}.") from None
        return tls


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
