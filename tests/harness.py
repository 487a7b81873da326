"""A whole STS in this process: the real application over in-memory stores and a clock that stands still."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache

from argon2 import PasswordHasher

from tests import messages
from tests.fakes import (
    NOON,
    REALM,
    FakeAccounts,
    FakeClock,
    FakeDelegationRules,
    FakeRealms,
    FakeRelyingParties,
    FakeSigningKeys,
    FakeStores,
)
from tests.messages import Answer
from wstrust_sts import ns
from wstrust_sts.app import compose
from wstrust_sts.bindings.http import Request, settled
from wstrust_sts.certificate_names import fingerprint
from wstrust_sts.certificates import CertificateField, CertificateMapping, CertificateName
from wstrust_sts.config import (
    AuthenticationSection,
    Config,
    EndpointSection,
    PluginsSection,
    SecretsSection,
    ServerSection,
)
from wstrust_sts.delegation_rules import DelegationRule
from wstrust_sts.keyring import StoredKeyring
from wstrust_sts.keys import AesGcmSecretBox, LocalSigner, make_signing_key, unwrap
from wstrust_sts.model import Account, Claim, TrustVersion
from wstrust_sts.ports import Keyring, SecretBox
from wstrust_sts.records import SigningKeyRecord
from wstrust_sts.relying_parties import AppliesToRule, ConstantRule, GroupRule, LifetimeRule, ReleaseRule, RelyingParty

PASSWORDS = {"alice": "clarinet", "bob": "trombone", "carol": "s3cret", "admin": "conductor"}
PUBLIC_URL = "https://sts.example.test"


_CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@cache
def hashed(password: str) -> str:
    """As the application hashes it, but for what it costs, which is verified anew by every STS of the tests."""
    return _CHEAP.hash(password)


@cache
def signing_key(algorithm: str = "rsa-2048"):
    box = AesGcmSecretBox(b"k" * 32)
    return make_signing_key(REALM.name, algorithm=algorithm, name="sts.example.test", now=NOON, box=box), box


@cache
def opened_key(record: SigningKeyRecord, *, box: SecretBox) -> LocalSigner:
    """What `unwrap` gives, once for all: looking through the numbers of an RSA key takes as long as 80 signatures."""
    return unwrap(record, box=box)


def account(name: str, **fields) -> Account:
    defaults = {
        "claims": (Claim(ns.CLAIM_EMAIL, (f"{name}@example.test",)), Claim("department", ("music", "brass"))),
        "groups": ("players",),
    }
    return Account(
        id=f"id-{name}",
        realm=REALM.name,
        name=name,
        version=1,
        password_hash=hashed(PASSWORDS[name]),
        **(defaults | fields),
    )


def allowing_digests(found: Account, password: str) -> Account:
    """The account, with its password sealed as the application's box does."""
    _, box = signing_key()
    return replace(found, sealed_digest_password=box.seal(password.encode(), purpose=found.digest_purpose))


RELYING_PARTY = RelyingParty(
    id="rp",
    realm=REALM.name,
    name="rp",
    applies_to=(AppliesToRule(address=messages.RP),),
    claim_rules=(
        ReleaseRule(claim=ns.CLAIM_EMAIL),
        ReleaseRule(claim="department", name="http://claims.example.test/department"),
        ConstantRule(name="http://claims.example.test/orchestra", values=("philharmonic",)),
        GroupRule(group="players", name=ns.CLAIM_ROLE, values=("Player",)),
    ),
)
STRICT_PARTY = replace(
    RELYING_PARTY,
    id="strict",
    name="strict",
    applies_to=(AppliesToRule(address="https://strict.example.test/svc"),),
    lifetime=LifetimeRule(default=timedelta(minutes=5), maximum=timedelta(minutes=10), clip=False),
    validators=frozenset({"bob"}),
    claim_rules=(ReleaseRule(claim=ns.CLAIM_EMAIL),),
)
ENDPOINTS = (
    EndpointSection(path="/trust/13/usernamemixed", trust=TrustVersion.V13),
    EndpointSection(path="/trust/2005/usernamemixed", trust=TrustVersion.V2005),
    EndpointSection(path="/gsoap", trust=TrustVersion.V13, tolerances=("no-timestamp", "bare-rstr")),
    EndpointSection(
        path="/no-applies-to", trust=TrustVersion.V13, tolerances=("no-applies-to",), default_relying_party="rp"
    ),
    EndpointSection(path="/strict-to", trust=TrustVersion.V13, strict_to=True),
    EndpointSection(path="/adfs/services/trust/13/usernamemixed", trust=TrustVersion.V13, layout="adfs"),
)
ADFS_ENDPOINTS = tuple(
    EndpointSection(path=f"/adfs/services/trust/{name}/{policy}", trust=trust, policy=policy, layout="adfs")
    for name, trust in (("13", TrustVersion.V13), ("2005", TrustVersion.V2005))
    for policy in ("usernamemixed", "certificatemixed", "certificatetransport")
)
VMWARE_ENDPOINTS = (
    EndpointSection(
        path="/sts/STSService",
        trust=TrustVersion.V13,
        policy="vmware",
        layout="vmware",
        tolerances=("no-applies-to", "use-key-beside"),
        default_relying_party="rp",
    ),
)
SEALED_ENDPOINTS = tuple(
    EndpointSection(path=f"/sealed/{name}/{policy}", trust=trust, policy=policy)
    for name, trust in (("13", TrustVersion.V13), ("2005", TrustVersion.V2005))
    for policy in ("username", "certificate", "certificatesigned", "secureconversation")
)
CERTIFICATE_ENDPOINTS = tuple(
    EndpointSection(path=f"/trust/{name}/{policy}", trust=trust, policy=policy)
    for name, trust in (("13", TrustVersion.V13), ("2005", TrustVersion.V2005))
    for policy in ("certificatemixed", "certificatetransport", "usernamecertificatemixed")
)
ISSUED_TOKEN_ENDPOINTS = tuple(
    EndpointSection(path=f"/trust/{name}/{policy}", trust=trust, policy=policy)
    for name, trust in (("13", TrustVersion.V13), ("2005", TrustVersion.V2005))
    for policy in ("issuedtokenmixedsymmetricbasic256", "issuedtokenmixedasymmetricbasic256")
)
PROVING_ENDPOINTS = tuple(  # a password, and the secret of any token
    EndpointSection(path=f"/trust/{name}/usernameissuedtokenmixed", trust=trust, policy="usernameissuedtokenmixed")
    for name, trust in (("13", TrustVersion.V13), ("2005", TrustVersion.V2005))
)
CONVERSING_ENDPOINTS = tuple(
    EndpointSection(path=f"/trust/{name}/secureconversationmixed", trust=trust, policy="secureconversationmixed")
    for name, trust in (("13", TrustVersion.V13), ("2005", TrustVersion.V2005))
)
SERVER = ServerSection(public_url=PUBLIC_URL, certificate="unused", private_key="unused")


@dataclass
class Sts:
    """`post` sends any octets; `ask` writes a good request around a body."""

    endpoints: tuple[EndpointSection, ...] = ENDPOINTS
    algorithm: str = "rsa-2048"
    clock: FakeClock = field(default_factory=FakeClock)
    relying_parties: tuple[RelyingParty, ...] = (RELYING_PARTY, STRICT_PARTY)
    delegation_rules: tuple[DelegationRule, ...] = ()
    server: ServerSection = SERVER
    keyring: Keyring | None = None  # None: that of the stored keys
    claim_sources: tuple[str, ...] = ("account",)
    lockout: bool = False  # on, the many wrong passwords of a suite would hold up what comes after

    def __post_init__(self) -> None:
        key, box = signing_key(self.algorithm)
        self.stores = FakeStores(
            realms=FakeRealms([replace(REALM, administrators=frozenset({"admin"}))]),
            accounts=FakeAccounts([account(name) for name in PASSWORDS]),
            relying_parties=FakeRelyingParties(self.relying_parties),
            delegation_rules=FakeDelegationRules(self.delegation_rules),
            signing_keys=FakeSigningKeys([key]),
        )
        if self.keyring is None:
            self.keyring = StoredKeyring(self.stores.signing_keys, box, open_token_key=opened_key)
        config = Config(
            server=self.server,
            secrets=SecretsSection(key_encryption_key_environment="UNUSED"),
            endpoint_sections=self.endpoints,
            authentication=AuthenticationSection(lockout=self.lockout),
            plugins=PluginsSection(claim_sources=self.claim_sources),
        )
        self.application = compose(config, self.stores, self.keyring, box=box, clock=self.clock)

    def map_certificate(self, certificate: bytes, name: str = "alice") -> None:
        """`wstrust-sts certificate map`."""
        exact = CertificateName(CertificateField.SHA256, fingerprint(certificate))
        self.stores.certificates.rows.append(
            CertificateMapping(
                realm=REALM.name, account=name, name=exact, certificate=certificate, account_id=f"id-{name}"
            )
        )

    def request(self, request: Request) -> Answer:
        return Answer.of(settled(self.application.handle(request)))

    def post(
        self,
        body: bytes | str,
        *,
        path: str = "/trust/13/usernamemixed",
        soap: str = "1.2",
        source: str = "192.0.2.1",
        **headers,
    ) -> Answer:
        octets = body.encode() if isinstance(body, str) else body
        fields = {"content-type": messages.content_type(soap)} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return self.request(Request(method="POST", path=path, headers=fields, body=octets, source=source))

    def ask(
        self,
        body: str,
        *,
        user: str = "alice",
        password: str | None = None,
        path: str = "/trust/13/usernamemixed",
        soap: str = "1.2",
        headers: tuple[str, ...] = (),
        more: str = "",
    ) -> Answer:
        credential = messages.username_token(
            user, PASSWORDS.get(user, "?") if password is None else password, more=more
        )
        protection = messages.security(messages.timestamp(self.clock.now), credential)
        return self.post(messages.envelope(body, *headers, protection, soap=soap), path=path, soap=soap)

    def issue(self, *more: str, **how) -> Answer:
        """A token for alice and the relying party `rp`; the endpoint's own version of WS-Trust."""
        path = how.get("path", "/trust/13/usernamemixed")
        trust = self.trust(path)
        kept = {name: how.pop(name) for name in ("address", "token_type", "attributes") if name in how}
        return self.ask(messages.issue(*more, trust=trust, **kept), **how)

    def trust(self, path: str) -> str:
        return next(endpoint.trust.namespace for endpoint in self.endpoints if endpoint.path == path)
