"""The TLS side of the listener: 1.2 and later, forward secrecy and authenticated encryption only (BCP 195)."""

import ssl

from wstrust_sts.server.settings import CannotStart, ServerSettings

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!eNULL"  # of TLS 1.2; those of 1.3 are all fit


def tls_context(settings: ServerSettings) -> ssl.SSLContext | None:
    """The context of the configured certificate; None for plain HTTP. Raises CannotStart.

    Made before workers are forked, so that they share the keys of session tickets.
    """
    if settings.certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    try:
        context.load_cert_chain(settings.certificate, settings.private_key, password=_no_password)
        if settings.client_authorities is not None:
            context.load_verify_locations(settings.client_authorities)
            context.verify_mode = ssl.CERT_OPTIONAL
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # any certificate in the file may end a chain
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        raise CannotStart(f"TLS certificate {settings.certificate}: {error}") from error
    return context


def _no_password() -> str:
    raise ValueError("the private key is protected by a password, which nobody is here to type")
