"""What `init --profile` writes: the endpoints of another server's clients, enabled all at once."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from wstrust_sts.cli.templates import USUAL_ENDPOINTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """`issuer` is the usual name in its tokens, of a host and of the public URL; `server` more lines of [server];
    `endpoints` writes the rest: plug-ins, and the endpoints whose policies are among the known ones. `parties` are
    relying parties that the endpoints name: the template of each by its name, which is told the issuer as `sts`.
    `reading` is the page about its clients.
    """

    issuer: str
    server: str
    endpoints: Callable[[Collection[str]], str]
    parties: Mapping[str, str] = field(default_factory=dict)
    reading: str = "docs/configuration.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One policy under both versions, `more` being its other lines."""

    policy: str
    comment: str = ""
    more: str = ""


_ADFS_ROWS = (
    _Row(
        policy="usernamemixed",
        comment="node-sp-auth and wstrust-client send no Timestamp; without them, remove the tolerance.",
        more='tolerances = ["no-timestamp"]\n',
    ),
    _Row(
        policy="certificatemixed",
        comment="Stock WCF signs with RSA-SHA1. Remove algorithms once every client signs with SHA-256.",
        more='algorithms = "basic256-sha1"\n',
    ),
    _Row(
        policy="certificatetransport",
        comment="For server.client_authorities: put the authorities of your clients' certificates there.",
    ),
    _Row(
        policy="issuedtokenmixedasymmetricbasic256",
        comment="Tokens of this STS as credentials. Without stock WCF remove algorithms here, too.",
        more='algorithms = "basic256-sha1"\n',
    ),
    _Row(policy="issuedtokenmixedsymmetricbasic256", more='algorithms = "basic256-sha1"\n'),
)
_VERSIONS = {"2005": "2005", "13": "1.3"}  # by the folder of their endpoints

_ADFS_HEAD = """\
[plugins]
claim_sources = ["account", "authentication", "network"]  # network: server.inside_networks

# The endpoints of AD FS, for its clients. Their metadata is at /adfs/services/trust/mex and at
# /FederationMetadata/2007-06/FederationMetadata.xml. Every endpoint is written down; what is removed here is not served
# and not published.
"""


def _adfs_endpoints(known_policies: Collection[str]) -> str:
    written = [_ADFS_HEAD]
    for row in _ADFS_ROWS:
        if row.policy not in known_policies:
            continue
        comment = f"# {row.comment}\n" if row.comment else ""
        for folder, version in _VERSIONS.items():
            written.append(
                f'{comment}[[endpoint]]\npath = "/adfs/services/trust/{folder}/{row.policy}"\ntrust = "{version}"\n'
                f'policy = "{row.policy}"\nlayout = "adfs"\n{row.more}'
            )
            comment = ""
    return "\n".join(written)


_VSPHERE = "vsphere"

_VMWARE_ENDPOINTS = f"""\
# The STS of vCenter Single Sign-On, for its clients: bearer tokens by password, tokens that are bound to a key by a
# certificate, by a password and a key, and by such a token. Clients that know a tenant add its name to the address.
# use-key-beside is for VMware's SDK for Java; without it, remove the tolerance.
[[endpoint]]
path = "/sts/STSService"
trust = "1.3"
policy = "vmware"
layout = "vmware"
tolerances = ["no-applies-to", "use-key-beside"]
default_relying_party = "{_VSPHERE}"

[[endpoint]]
path = "/sts/STSService/vsphere.local"
trust = "1.3"
policy = "vmware"
layout = "vmware"
tolerances = ["no-applies-to", "use-key-beside"]
default_relying_party = "{_VSPHERE}"
"""


PROFILES: Mapping[str, Profile] = {
    "standard": Profile(issuer="{public_url}", server="", endpoints=lambda _: USUAL_ENDPOINTS),
    "adfs": Profile(
        issuer="http://{host}/adfs/services/trust",
        server='client_authorities = "ca.pem"  # of the certificates that clients show; a development authority\n',
        endpoints=_adfs_endpoints,
        reading="docs/adfs.md",
    ),
    "vmware": Profile(
        issuer="https://{host}/websso/SAML2/Metadata/vsphere.local",
        server="",
        endpoints=lambda _: _VMWARE_ENDPOINTS,
        parties={_VSPHERE: "vmware"},
        reading="docs/vmware.md",
    ),
}
STANDARD = "standard"
