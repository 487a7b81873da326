"""Builds an image from a Dockerfile without an engine: every stage is a root directory, every RUN a chroot.

It knows the instructions that docker/Dockerfile uses and refuses any other, so that none goes untested. The base
image is stood in for by the smallest Debian that debootstrap makes, which is what the slim image is made of.
"""

import fnmatch
import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

SUITES = {"debian:12-slim": "bookworm"}
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
HOST_SETTINGS = ("PIP_*", "*_proxy", "*_PROXY", "SSL_CERT_FILE")
IGNORED = ("EXPOSE", "STOPSIGNAL")


@dataclass
class Stage:
    """A root directory in the making, and what the instructions so far have declared."""

    root: Path
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": DEFAULT_PATH})
    directory: str = "/"
    user: str = "0:0"
    volumes: list[str] = field(default_factory=list)
    healthcheck: list[str] = field(default_factory=list)
    entrypoint: list[str] = field(default_factory=list)

    def inside(self, path: str) -> Path:
        return self.root / os.path.normpath(os.path.join(self.directory, path)).lstrip("/")

    def command(self, *arguments: str) -> list[str]:
        """The host's command that runs `arguments` in this root, as its user, in its directory."""
        changed = [shutil.which("chroot") or "/usr/sbin/chroot", f"--userspec={self.user}", str(self.root)]
        return [*changed, "/bin/sh", "-c", f"cd {shlex.quote(self.directory)} && exec {shlex.join(arguments)}"]

    def run(self, *arguments: str, extra: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            env={**self.environment, **(extra or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )


def instructions(dockerfile: str) -> Iterator[tuple[str, str]]:
    """Keyword and argument of every instruction; comments dropped, continued lines joined."""
    lines = [line for line in dockerfile.splitlines() if not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            keyword, _, argument = line.strip().partition(" ")
            yield keyword.upper(), argument.strip()


class ImageBuilder:
    """Builds every stage of one Dockerfile; roots are directories below `work`, the context is `context`."""

    def __init__(self, context: Path, work: Path) -> None:
        self.context = context
        self.work = work
        self.stages: dict[str, Stage] = {}
        self.stage = Stage(work / "none")
        self.log: list[str] = []

    def build(self, dockerfile: Path) -> Stage:
        for keyword, argument in instructions(dockerfile.read_text()):
            if keyword not in IGNORED:
                getattr(self, f"_{keyword.lower()}")(argument)
        return self.stage

    def _from(self, argument: str) -> None:
        image, _, name = argument.partition(" AS ")
        base = self.work / f"base-{SUITES[image]}"
        if not base.exists():
            self._checked("debootstrap", "--variant=minbase", SUITES[image], str(base))
            shutil.copy("/etc/resolv.conf", base / "etc/resolv.conf")
        root = self.work / f"stage-{len(self.stages)}"
        self._checked("cp", "--archive", "--reflink=auto", str(base), str(root))
        self.stage = Stage(root)
        self.stages[name or str(len(self.stages))] = self.stage

    def _run(self, argument: str) -> None:
        certificates = self.stage.root / "etc/ssl/certs/ca-certificates.crt"
        if certificates.exists():  # the host may reach the package index through a proxy with a CA of its own
            shutil.copy("/etc/ssl/certs/ca-certificates.crt", certificates)
        settings = {
            name: value
            for name, value in os.environ.items()
            if any(fnmatch.fnmatch(name, pattern) for pattern in HOST_SETTINGS) and name != "PIP_FIND_LINKS"
        }
        done = self.stage.run("/bin/sh", "-c", argument, extra={"DEBIAN_FRONTEND": "noninteractive", **settings})
        self.log.append(done.stdout)
        assert done.returncode == 0, f"RUN {argument}\n{done.stdout}"

    def _copy(self, argument: str) -> None:
        words = shlex.split(argument)
        source = self.context
        if words[0].startswith("--from="):
            source = self.stages[words.pop(0).removeprefix("--from=")].root
        *paths, target = words
        assert len(paths) == 1 or target.endswith("/"), f"COPY {argument}: several sources need a directory"
        for path in paths:
            origin = source / path.lstrip("/")
            destination = self.stage.inside(target)
            if target.endswith("/") and not origin.is_dir():
                destination = destination / origin.name
            destination.parent.mkdir(parents=True, exist_ok=True)
            if origin.is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(origin, destination, symlinks=True, dirs_exist_ok=True, ignore=ignored)
            else:
                shutil.copy(origin, destination)

    def _env(self, argument: str) -> None:
        self.stage.environment.update(word.split("=", 1) for word in shlex.split(argument))

    def _user(self, argument: str) -> None:
        self.stage.user = argument

    def _workdir(self, argument: str) -> None:
        self.stage.inside(argument).mkdir(parents=True, exist_ok=True)
        self.stage.directory = os.path.normpath(os.path.join(self.stage.directory, argument))

    def _volume(self, argument: str) -> None:
        self.stage.volumes.extend(json.loads(argument))

    def _healthcheck(self, argument: str) -> None:
        self.stage.healthcheck = json.loads(argument.partition("CMD ")[2])

    def _entrypoint(self, argument: str) -> None:
        self.stage.entrypoint = json.loads(argument)

    def _checked(self, *command: str) -> None:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
