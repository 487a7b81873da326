"""What mutation starts from: the messages that real clients sent, and those of tests/messages.py at every entrance."""

import base64
import re
from datetime import timedelta
from functools import cache

from cryptography import x509
from lxml import etree

from tests import messages
from tests.assertions import descriptor, issue
from tests.attack import CREDENTIALS, ENTRANCES, Entrance
from tests.contexts import CONTEXT
from tests.digests import digest_of
from tests.fakes import NOON
from tests.forgery import Form, forge
from tests.fuzz import steady
from tests.fuzz.protection import encrypted_key
from tests.messages import RP
from tests.recorded import BEARER, CXF_PARTY, KEYS, PUBLIC, Message
from wstrust_sts import ns
from wstrust_sts.model import TokenType
from wstrust_sts.wire.times import read_time, write_time
from wstrust_sts.wire.xml import parse

_TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_NONCE = b"sixteen octets.."
DIGEST = digest_of(_NONCE, write_time(NOON), "clarinet")
"""The one PasswordDigest that proves something: alice's, at noon."""


def http(body: bytes, *, path: str, content_type: str, **headers: str) -> bytes:
    """A POST as it goes over the wire."""
    fields = {"Host": "sts.example.test", "Content-Type": content_type, **headers, "Content-Length": str(len(body))}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


@cache
def requests() -> tuple[bytes, ...]:
    """Whole HTTP requests: every operation at every entrance, metadata, and what was recorded."""
    written = [request for entrance in ENTRANCES for request in _requests(entrance)]
    paths = ("/healthz", "/readyz", "/FederationMetadata/2007-06/FederationMetadata.xml", "/x", "*")
    plain = [f"GET {path} HTTP/1.1\r\nHost: sts\r\n\r\n".encode() for path in paths]
    return (*written, *map(recorded, (*BEARER, *KEYS)), *plain)


@cache
def envelopes() -> tuple[bytes, ...]:
    """The bodies of `requests`, each once."""
    bodies = (request.partition(b"\r\n\r\n")[2] for request in requests())
    return tuple(dict.fromkeys(body for body in bodies if body))


@cache
def assertions() -> tuple[bytes, ...]:
    """Those of the register."""
    return tuple(steady.issued(token_type).markup for token_type in steady.TOKEN_IDS)


@cache
def signatures() -> tuple[bytes, ...]:
    """Those assertions, and one whose signature uses all that is allowed."""
    prefixes = f'<i:InclusiveNamespaces xmlns:i="{ns.EXC_C14N}" PrefixList="xs"/>'
    form = Form(
        c14n_method=f'<ds:CanonicalizationMethod Algorithm="{ns.EXC_C14N}">{prefixes}</ds:CanonicalizationMethod>',
        signature_method=f'<ds:SignatureMethod Algorithm="{ns.ECDSA_SHA256}"/>',
    )
    genuine = parse(issue(descriptor(), steady.signer()).markup)
    return (*assertions(), etree.tostring(forge(TokenType.SAML20, form, assertion=genuine, signer=steady.signer())))


def read(octets: bytes) -> etree._Element:
    """A document as anyone would read it, who does not care whether an xml:id is a name."""
    return etree.fromstring(
        octets, etree.XMLParser(resolve_entities=False, no_network=True, collect_ids=False, encoding="utf-8")
    )


def _requests(entrance: Entrance) -> list[bytes]:
    trust = entrance.trust
    content_type = messages.content_type(entrance.soap)
    bodies = [*_issues(trust), *_on_tokens(trust)]
    written = [_message(entrance, body) for body in bodies]
    operations = [re.search(rb"RequestType>[^<]*/(\w+)<", message) for message in written]
    to = f'<a:To xmlns:a="{ns.WSA}">https://sts.example.test{entrance.path}</a:To>'
    reply = (
        f'<a:ReplyTo xmlns:a="{ns.WSA}"><a:Address>{ns.WSA_ANONYMOUS}</a:Address></a:ReplyTo>'
        f'<a:FaultTo xmlns:a="{ns.WSA}"><a:Address>{ns.WSA_ANONYMOUS}</a:Address></a:FaultTo>'
    )
    addressed = _message(
        entrance, bodies[0], messages.addressing(f"{trust}/RST/Issue", message_id="urn:uuid:1", more=to + reply)
    )
    found = [http(message, path=entrance.path, content_type=content_type) for message in (*written, addressed)]
    action = operations[-1][1].decode() if operations[-1] else "Cancel"
    found.append(http(written[-1], path=entrance.path, content_type=content_type, SOAPAction=f'"{trust}/RST/{action}"'))
    found += [
        http(_question(entrance, question), path=path, content_type=content_type)
        for question in ("", f'<m:GetMetadata xmlns:m="{ns.MEX}"><m:Dialect>{ns.WSDL}</m:Dialect></m:GetMetadata>')
        for path in (entrance.path, f"{entrance.path}/mex")
    ]
    found.append(f"GET {entrance.path}?wsdl HTTP/1.1\r\nHost: sts\r\n\r\n".encode())
    return found


def _message(entrance: Entrance, body: str, *headers: str) -> bytes:
    protection = messages.security(messages.timestamp(NOON), CREDENTIALS[entrance.policy]())
    if "Renewing" in body:  # one of the seeds proves the password by a digest
        protection = messages.security(messages.timestamp(NOON), _digest_token())
    return messages.envelope(body, *headers, protection, soap=entrance.soap).encode()


def _digest_token() -> str:
    nonce = base64.b64encode(_NONCE).decode()
    return (
        f'<o:UsernameToken xmlns:o="{ns.WSSE}" xmlns:u="{ns.WSU}"><o:Username>alice</o:Username>'
        f'<o:Password Type="{ns.PASSWORD_DIGEST}">{DIGEST}</o:Password>'
        f'<o:Nonce EncodingType="{ns.BASE64_BINARY}">{nonce}</o:Nonce><u:Created>{write_time(NOON)}</u:Created>'
        "</o:UsernameToken>"
    )


def _question(entrance: Entrance, body: str) -> bytes:
    action = ns.MEX_REQUEST if body else ns.WXF_GET
    return messages.envelope(body, messages.addressing(action, message_id="urn:uuid:2"), soap=entrance.soap).encode()


def _issues(trust: str) -> list[str]:
    """An Issue as it should be, and some with everything that has a reader, though it may be refused."""
    address = f'<a:EndpointReference xmlns:a="{ns.WSA}"><a:Address>{RP}</a:Address></a:EndpointReference>'
    lifetime = (
        f'<t:Lifetime><u:Created xmlns:u="{ns.WSU}">{write_time(NOON)}</u:Created>'
        f'<u:Expires xmlns:u="{ns.WSU}">{write_time(NOON + timedelta(minutes=30))}</u:Expires></t:Lifetime>'
    )
    claims = (
        f'<t:Claims Dialect="{ns.IDENTITY}"><i:ClaimType xmlns:i="{ns.IDENTITY}" Uri="{ns.CLAIM_EMAIL}"/>'
        f'<i:ClaimValue xmlns:i="{ns.IDENTITY}" Uri="{ns.CLAIM_ROLE}" Optional="true">'
        "<i:Value>x</i:Value></i:ClaimValue>"
        f'<q:ClaimType xmlns:q="{ns.AUTHORIZATION}" Uri="department" Optional="true"/>'
        f'<m:Attribute xmlns:m="{ns.SAML20}" Name="department" Optional="1">'
        "<m:AttributeValue>music</m:AttributeValue></m:Attribute></t:Claims>"
    )
    key = f"<t:KeyType>{trust}/Bearer</t:KeyType><t:KeySize>0</t:KeySize>"
    wishes = (
        f"{lifetime}<t:Renewing Allow='true' OK='false'/><t:Delegatable>false</t:Delegatable>"
        f"<t:Forwardable>0</t:Forwardable><t:SignatureAlgorithm>{ns.ECDSA_SHA256}</t:SignatureAlgorithm>"
        f"<t:CanonicalizationAlgorithm>{ns.EXC_C14N}</t:CanonicalizationAlgorithm>"
    )
    secondary = f"<t:SecondaryParameters><t:TokenType>{ns.SAML11}</t:TokenType>{key}{claims}</t:SecondaryParameters>"
    participants = (
        f"<t:Participants><t:Primary>{address}</t:Primary><t:Participant>{address}</t:Participant></t:Participants>"
    )
    issuer = f'<t:Issuer><a:Address xmlns:a="{ns.WSA}">urn:x</a:Address></t:Issuer>'
    use_key = (
        f'<t:UseKey Sig="#x"><k:KeyInfo xmlns:k="{ns.DS}"><k:KeyName>x</k:KeyName></k:KeyInfo></t:UseKey>'
        "<t:Entropy><t:BinarySecret>c2l4dGVlbiBvY3RldHMuLg==</t:BinarySecret></t:Entropy>"
    )
    secret = (
        f"<t:KeyType>{trust}/SymmetricKey</t:KeyType><t:KeySize>256</t:KeySize><t:ComputedKeyAlgorithm>{trust}/CK/PSHA1"
        f'</t:ComputedKeyAlgorithm><t:Entropy><t:BinarySecret Type="{trust}/Nonce">'
        "c2l4dGVlbiBvY3RldHMuLg==</t:BinarySecret>"
        "</t:Entropy>"
    )
    on_behalf_of = f"<t:OnBehalfOf>{assertions()[0].decode()}</t:OnBehalfOf>"
    return [
        messages.issue(trust=trust),
        messages.issue(wishes, key, trust=trust, attributes=' Context="c1"'),
        messages.issue(claims, trust=trust, token_type=ns.SAML11),
        messages.issue(secondary, issuer, trust=trust, token_type=None),
        messages.issue(participants, trust=trust),
        messages.issue(use_key, trust=trust),
        messages.issue(secret, trust=trust),
        *_issues_with_keys(trust),
        messages.issue(on_behalf_of, trust=trust),
        messages.rst("Renew", f"<t:RenewTarget>{assertions()[0].decode()}</t:RenewTarget>", trust=trust),
    ]


@cache
def requests_for_keys() -> tuple[bytes, ...]:
    """The RequestSecurityToken alone of each request for a token that is bound to a key."""
    return tuple(body.encode() for trust in (ns.WST13, ns.WST05) for body in _issues_with_keys(trust))


def _issues_with_keys(trust: str) -> list[str]:
    public = f"<t:KeyType>{trust}/PublicKey</t:KeyType>"
    symmetric = f"<t:KeyType>{trust}/SymmetricKey</t:KeyType><t:KeySize>256</t:KeySize>"
    octets = base64.b64encode(bytes(range(32))).decode()
    secrets = (
        f"<t:BinarySecret>{octets}</t:BinarySecret>",
        f'<t:BinarySecret Type="{trust}/SymmetricKey">{octets}</t:BinarySecret>',
        encrypted_key(),
    )
    return [
        *(messages.issue(symmetric, f"<t:Entropy>{secret}</t:Entropy>", trust=trust) for secret in secrets),
        *(messages.issue(public, f"<t:UseKey>{named}</t:UseKey>", trust=trust) for named in _public_keys()),
    ]


@cache
def recorded_certificate() -> str:
    """Of a recorded UseKey, in base64."""
    (written,) = parse(Message.read(PUBLIC).body).iter(f"{{{ns.DS}}}X509Certificate")
    return str(written.text)


def _public_keys() -> list[str]:
    """The certificate that a recorded UseKey has, and its key, in every form."""
    written = recorded_certificate()
    numbers = x509.load_der_x509_certificate(base64.b64decode(written)).public_key().public_numbers()
    modulus = base64.b64encode(numbers.n.to_bytes(256)).decode()
    value = f"<d:RSAKeyValue><d:Modulus>{modulus}</d:Modulus><d:Exponent>AQAB</d:Exponent></d:RSAKeyValue>"
    keys = (
        f"<d:X509Data><d:X509Certificate>{written}</d:X509Certificate></d:X509Data>",
        f"<d:KeyValue>{value}</d:KeyValue>",
    )
    token = f'<o:BinarySecurityToken xmlns:o="{ns.WSSE}" ValueType="{ns.X509V3}">{written}</o:BinarySecurityToken>'
    reference = f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}"><o:Reference URI="#user"/></o:SecurityTokenReference>'
    return [*(f'<d:KeyInfo xmlns:d="{ns.DS}">{key}</d:KeyInfo>' for key in keys), token, reference]


def _on_tokens(trust: str) -> list[str]:
    """Validate and Cancel of tokens that are in the register, each in the forms that a target may have."""
    targets = [markup.decode() for markup in assertions()]
    references = [
        f'<o:SecurityTokenReference xmlns:o="{ns.WSSE}">{inside}</o:SecurityTokenReference>'
        for inside in (
            f'<o:KeyIdentifier ValueType="{ns.SAML20_KEY_IDENTIFIER}">{steady.TOKEN_IDS[TokenType.SAML20]}'
            "</o:KeyIdentifier>",
            f'<o:Reference URI="#{steady.TOKEN_IDS[TokenType.SAML11]}"/>',
            f"<o:Embedded>{targets[0]}</o:Embedded>",
        )
    ]
    targets.append(CONTEXT.token())
    references.append(CONTEXT.reference())
    validations = [messages.validate(target, trust=trust) for target in (*targets, *references)]
    return [*validations, *(messages.cancel(target, trust=trust) for target in (*targets, references[0]))]


def recorded(name: str) -> bytes:
    """A recorded message, sent at noon by alice of the harness to its relying party."""
    message = Message.read(name)
    times = [read_time(found.decode()) for found in _TIME.findall(message.body)]
    shift = NOON - min(times, default=NOON)
    body = _TIME.sub(lambda found: write_time(read_time(found[0].decode()) + shift).encode(), message.body)
    body = body.replace(b"s3cret", b"clarinet").replace(CXF_PARTY.encode(), RP.encode())
    kept = {name: value for name, value in message.headers.items() if name == "soapaction"}
    return http(body, path=message.path, content_type=message.headers["content-type"], **kept)
