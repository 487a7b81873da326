"""`wstrust-sts init`: a new STS in a directory, ready to serve."""

import base64
import io
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from wstrust_sts.cli.opening import now, opened
from wstrust_sts.cli.output import Refusal
from wstrust_sts.cli.profiles import PROFILES, STANDARD, Profile
from wstrust_sts.cli.rows import read_row
from wstrust_sts.cli.signing_keys import DEFAULT_ALGORITHM, add_key
from wstrust_sts.cli.templates import DEMO_STATE, SQLITE, STS_TOML
from wstrust_sts.config import Config, load_config
from wstrust_sts.declaration import read_declaration
from wstrust_sts.declared_relying_parties import RelyingPartyTable
from wstrust_sts.model import Realm, TrustVersion
from wstrust_sts.reconciliation import plan
from wstrust_sts.records import KeyUse
from wstrust_sts.relying_party_templates import fill_in, read_template

DEMO_USERS = ("alice", "bob")
_KEY_FILE = "key-encryption.key"


@click.command(
    epilog="""\b
Example:
  wstrust-sts init sts --demo
  wstrust-sts init /etc/wstrust-sts --hostname sts.example.com --port 443
  wstrust-sts init /etc/wstrust-sts --hostname adfs.example.com --port 443 --profile adfs
  wstrust-sts init /etc/wstrust-sts --hostname vcenter.example.com --port 443 --profile vmware
  wstrust-sts init /etc/wstrust-sts --database-url-from STS_DATABASE_URL
"""
)
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--demo", is_flag=True, help="Add two users and two relying parties to try things with.")
@click.option(
    "--hostname",
    "hostnames",
    multiple=True,
    help="Name that clients use; the first one is in the public URL. [default: localhost]",
)
@click.option("--port", type=click.IntRange(1, 65535), default=8443, show_default=True, help="Port to listen on.")
@click.option(
    "--profile",
    default=STANDARD,
    show_default=True,
    type=click.Choice(list(PROFILES)),
    help="Whose clients are served: adfs has the endpoints, answers and metadata of AD FS, vmware those of vCenter.",
)
@click.option("--issuer", help="Issuer in the tokens. [default: the public URL, or as the profile's server has it]")
@click.option(
    "--key-algorithm",
    default=DEFAULT_ALGORITHM,
    show_default=True,
    type=click.Choice(["rsa-2048", "rsa-3072", "ec-p256"]),
    help="Key that signs tokens. The message key is always RSA.",
)
@click.option(
    "--database-url-from",
    "database_variable",
    metavar="VARIABLE",
    help="Environment variable with the URL of an empty PostgreSQL database. [default: a SQLite file in DIRECTORY]",
)
def init(
    directory: Path,
    demo: bool,
    hostnames: tuple[str, ...],
    port: int,
    profile: str,
    issuer: str | None,
    key_algorithm: str,
    database_variable: str | None,
) -> None:
    """Make a new STS in DIRECTORY: sts.toml, key-encryption key, TLS certificate, database, realm and its keys.

    The TLS certificate is of a development authority (ca.pem) made on the spot; production replaces it. Further nodes
    on one PostgreSQL database get copies of the directory: they share its key-encryption key.
    """
    made = make_sts(
        directory,
        demo=demo,
        hostnames=hostnames or ("localhost",),
        port=port,
        profile=profile,
        issuer=issuer,
        key_algorithm=key_algorithm,
        database_variable=database_variable,
    )
    _tell(made, profile=PROFILES[profile], demo=demo)


def make_sts(
    directory: Path,
    *,
    demo: bool,
    hostnames: tuple[str, ...] = ("localhost",),
    port: int = 8443,
    profile: str = STANDARD,
    issuer: str | None = None,
    key_algorithm: str = DEFAULT_ALGORITHM,
    database_variable: str | None = None,
) -> "NewSts":
    """A whole new STS, or, when anything fails, nothing of its files. Raises Refusal where there is one already.

    `database_variable` names the environment variable with the database's URL; without it a SQLite file is made.
    """
    public_url = f"https://{_in_url(hostnames[0])}{'' if port == 443 else f':{port}'}"
    made = NewSts(directory, public_url=public_url, database_variable=database_variable)
    made.refuse_existing()
    try:
        made.write_files(hostnames, port, profile)
        usual_issuer = PROFILES[profile].issuer.format(host=_in_url(hostnames[0]), public_url=public_url)
        made.fill_database(issuer or usual_issuer, key_algorithm)
        made.add_parties(PROFILES[profile].parties, issuer or usual_issuer)
        if demo:
            made.add_demo()
    except BaseException:
        made.remove_files()
        raise
    return made


def _in_url(hostname: str) -> str:
    return f"[{hostname}]" if ":" in hostname else hostname


@dataclass(frozen=True, slots=True)
class NewSts:
    """The files of an STS in the making."""

    directory: Path
    public_url: str
    database_variable: str | None = None

    @property
    def config_file(self) -> Path:
        return self.directory / "sts.toml"

    def _files(self) -> list[Path]:
        names = ["sts.toml", _KEY_FILE, "ca.pem", "server.pem", "server.key", "demo.toml"]
        names += [f"sts.db{suffix}" for suffix in ("", "-wal", "-shm")]
        names += [f"{user}.password" for user in DEMO_USERS]
        return [self.directory / name for name in names]

    def refuse_existing(self) -> None:
        """Raises Refusal: nothing that exists is ever replaced."""
        existing = [path.name for path in self._files() if os.path.lexists(path)]
        if existing:
            raise Refusal(
                f"{self.directory} already has {', '.join(existing)}; "
                "init makes a new STS and replaces nothing: name another directory."
            )
        if self.database_variable is not None and not os.environ.get(self.database_variable):
            raise Refusal(f"The environment variable {self.database_variable} is not set; it has the database's URL.")

    def remove_files(self) -> None:
        """Takes back what a failed init made."""
        for path in self._files():
            path.unlink(missing_ok=True)

    def write_files(self, hostnames: tuple[str, ...], port: int, profile: str) -> None:
        from wstrust_sts import registry
        from wstrust_sts.devpki import make_development_pki
        from wstrust_sts.keys import generate_key_encryption_key

        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_secret(self.directory / _KEY_FILE, base64.b64encode(generate_key_encryption_key()).decode("ascii"))
        make_development_pki(self.directory, hostnames=hostnames, now=now())
        database = f'url_environment = "{self.database_variable}"' if self.database_variable else SQLITE
        text = STS_TOML.format(
            port=port,
            public_url=self.public_url,
            key_file=_KEY_FILE,
            database=database,
            server=PROFILES[profile].server,
            endpoints=PROFILES[profile].endpoints(registry.POLICIES),
        )
        self.config_file.write_text(text, encoding="utf-8")
        self.config_file.chmod(0o644)  # whatever the umask: who may change it may change everything

    def fill_database(self, issuer: str, key_algorithm: str) -> None:
        from wstrust_sts.storage.migrate import upgrade

        upgrade(load_config(self.config_file).database.url)
        with opened(self.config_file) as deployment:
            if deployment.stores.administration.realms():
                raise Refusal(
                    "The database already has an STS. Another node of it gets a copy of the first one's directory."
                )
            deployment.stores.administration.put_realm(Realm(name="default", issuer=issuer))
            add_key(deployment, "default", KeyUse.TOKEN, algorithm=key_algorithm)
            add_key(deployment, "default", KeyUse.MESSAGE, algorithm=DEFAULT_ALGORITHM)

    def add_parties(self, templates: Mapping[str, str], issuer: str) -> None:
        """The relying parties that a profile's endpoints name, each made from its template."""
        if not templates:
            return
        with opened(self.config_file) as deployment:
            for name, template in templates.items():
                row = fill_in(read_template(template), {"sts": [issuer]})
                party = read_row(RelyingPartyTable, {"name": name, **row}).relying_party()
                deployment.stores.administration.put_relying_party(party)

    def add_demo(self) -> None:
        """Two users with random passwords, in files of their own, and two relying parties."""
        from wstrust_sts.cli.passwords import Argon2Passwords

        for user in DEMO_USERS:
            write_secret(self.directory / f"{user}.password", secrets.token_urlsafe(12))
        declared = self.directory / "demo.toml"
        declared.write_text(DEMO_STATE, encoding="utf-8")
        with opened(self.config_file) as deployment:
            administration = deployment.stores.administration
            declaration = read_declaration(declared, standard_input=io.StringIO())
            plan(declaration, administration, Argon2Passwords()).carry_out(administration)


def write_secret(path: Path, text: str) -> None:
    """A new file that only its owner can read, from its first byte on."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text + "\n")


def _tell(made: NewSts, *, profile: Profile, demo: bool) -> None:
    directory, config = made.directory, made.config_file
    files = {
        config: "its configuration",
        directory / "ca.pem": "what clients trust: a development authority; use your own in production",
        directory / _KEY_FILE: "keep a copy elsewhere: without it the realm's keys are lost",
    }
    if demo:
        files[directory / "demo.toml"] = "the users and relying parties it has"
        files |= {directory / f"{user}.password": f"the password of {user}" for user in DEMO_USERS}
    width = max(len(str(file)) for file in files)
    click.echo(f"A new STS is in {directory}:")
    for file, what in files.items():
        click.echo(f"  {str(file).ljust(width)}  {what}")
    click.echo("Next:")
    if not demo:
        click.echo(f"  wstrust-sts user add NAME --config {config}")
        if not profile.parties:
            click.echo(f"  wstrust-sts relying-party add NAME --prefix https://SERVICE/ --config {config}")
        click.echo(f"  wstrust-sts check --config {config}")
    click.echo(f"  wstrust-sts serve --config {config}")
    if demo:
        click.echo("and beside it, for a first token:")
        asked = f"{_password_address(load_config(config))} --ca {directory / 'ca.pem'}"
        click.echo(
            f"  wstrust-sts token request --url {asked} \\\n"
            f"      --user alice --password-file {directory / 'alice.password'} --applies-to https://orders.example.test/"
        )
    click.echo(f"What its addresses are, and what to set for their clients: {profile.reading}")


def _password_address(config: Config) -> str:
    """Where a password over TLS gets a token."""
    takes = (e for e in config.endpoints if e.policy in ("usernamemixed", "vmware") and e.version is TrustVersion.V13)
    return config.server.public_url + next(takes).path
