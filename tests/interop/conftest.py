"""One running STS for all client suites."""

import pytest

from tests.interop.jvm import run
from tests.running import prepare, serving

STORE_PASSWORD = "changeit"


@pytest.fixture(scope="session")
def sts(tmp_path_factory):
    prepared = prepare(tmp_path_factory.mktemp("interop"))
    with serving(prepared):
        yield prepared


@pytest.fixture(scope="session")
def trust_store(sts, tmp_path_factory) -> list[str]:
    """The JVM's arguments that make it trust the CA of the STS's TLS certificate, and nothing else."""
    store = tmp_path_factory.mktemp("java") / "ca.p12"
    of_the_store = ["-keystore", str(store), "-storetype", "PKCS12", "-storepass", STORE_PASSWORD]
    run("keytool", "-importcert", "-noprompt", "-alias", "sts", "-file", str(sts.ca), *of_the_store)
    properties = {"trustStore": store, "trustStoreType": "PKCS12", "trustStorePassword": STORE_PASSWORD}
    return [f"-Djavax.net.ssl.{name}={value}" for name, value in properties.items()]
