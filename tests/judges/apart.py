"""Judges that can't stand in the suite's own environment: each in one of its own, as a process that the lab is shown to.

An environment is made once, of whatever index pip or npm is set up with, and kept in `.venv-judges/`, one for each set of
requirements: none is ever made anew under a client that runs in it. Where uv is installed it makes those of Python, in a
tenth of the time that venv and pip take. Clients are files of `clients/`, which import nothing of the lab. A client finds
`LAB_ORIGIN`, `LAB_API` and `LAB_TOKEN` in its environment and prints an object of JSON a line. Where it would sleep, it prints `{"pause": SECONDS}` and
goes on when it reads a line: meanwhile the lab's time passes, whichever clock it has.
"""

import ast
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.server.served import Served, token_of

KEPT = Path(__file__).parents[2] / ".venv-judges"
CLIENTS = Path(__file__).with_name("clients")
LIMIT = 60.0
"""Seconds after which a client is ended."""


OLDEST_NODE = 20
"""The first that all of node's clients run on."""


@cache
def has_node() -> bool:
    """Whether node and npm are there, and new enough."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return False
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    return int(said.strip().removeprefix("v").partition(".")[0] or 0) >= OLDEST_NODE


@cache
def uv() -> str | None:
    """The program, of the environment that the judges are run in or any other."""
    return shutil.which("uv", path=os.pathsep.join((sysconfig.get_path("scripts"), os.environ.get("PATH", ""))))


@cache
def index_options() -> tuple[str, ...]:
    """Where pip looks for distributions, told to uv, which doesn't read how pip is set up."""
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    )
    found: dict[str, str] = {}
    for line in sorted(
        listing.stdout.splitlines(), key=lambda each: each.startswith(":env:")
    ):  # which goes before files
        name, _, value = line.partition("=")
        found[name.rpartition(".")[2]] = ast.literal_eval(value)
    named = (
        (name, each) for name in ("index-url", "extra-index-url", "find-links") for each in found.get(name, "").split()
    )
    return tuple(word for name, each in named for word in (f"--{name}", each))


class Ended(NamedTuple):
    """What a client has left."""

    code: int
    lines: list[dict[str, Any]]
    """What it printed, without its pauses."""
    errors: str


@dataclass(frozen=True)
class Environment:
    """What clients need that can't stand beside what the suite needs, or beside each other."""

    name: str
    requirements: tuple[str, ...]
    """As pip or npm reads them."""
    node: bool = False

    @property
    def folder(self) -> Path:
        contents = json.dumps([sys.version, *self.requirements])
        return KEPT / f"{self.name}-{hashlib.sha256(contents.encode()).hexdigest()[:8]}"

    def make(self) -> None:
        """Make it, if it isn't there whole; one process does, others wait for it."""
        KEPT.mkdir(exist_ok=True)
        whole = self.folder.with_suffix(".whole")
        with self.folder.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if whole.exists():
                return
            shutil.rmtree(self.folder, ignore_errors=True)
            self._install()
            whole.touch()

    def _install(self) -> None:
        if self.node:
            self.folder.mkdir()
            (self.folder / "package.json").write_text('{"private":true}\n')
            command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefer-offline", *self.requirements]
            subprocess.run(command, cwd=self.folder, check=True)
        elif program := uv():
            subprocess.run([program, "venv", "-q", "--no-project", "--python", sys.executable, self.folder], check=True)
            install = [program, "pip", "install", "-q", "--python", self.folder, *index_options(), *self.requirements]
            subprocess.run(install, check=True)
        else:
            subprocess.run([sys.executable, "-m", "venv", self.folder], check=True)
            python = self.folder / "bin" / "python"
            command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *self.requirements]
            subprocess.run(command, check=True)

    def command(self, client: str, *options: str) -> list[str]:
        """How to start a client of `clients/` in it; `options` are the program's own. Skipped where there is no such node."""
        if self.node and not has_node():
            pytest.skip(f"{self.name} needs node {OLDEST_NODE} or later, and npm")
        self.make()
        if not self.node:
            return [str(self.folder / "bin" / "python"), "-I", *options, str(CLIENTS / client)]
        # node looks for packages from where the file stands; others may be starting it meanwhile
        copied = self.folder / client
        copying = copied.with_suffix(f".{os.getpid()}")
        shutil.copy(CLIENTS / client, copying)
        copying.replace(copied)
        return ["node", *options, str(copied)]

    def run(self, world: Served, client: str, *arguments: str) -> Ended:
        """Set a client on the lab, until it ends."""
        shown = {"LAB_ORIGIN": world.origin, "LAB_API": world.api, "LAB_TOKEN": token_of(world), "NO_PROXY": "*"}
        lines: list[dict[str, Any]] = []
        with tempfile.TemporaryFile("w+") as errors:
            with subprocess.Popen(
                [*self.command(client), *arguments], env=os.environ | shown, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
            ) as process:  # fmt: skip
                assert process.stdin is not None and process.stdout is not None
                limit = threading.Timer(LIMIT, process.kill)
                limit.start()
                try:
                    for line in process.stdout:
                        found = json.loads(line)
                        if "pause" in found:
                            world.sleep(found["pause"])
                            process.stdin.write("\n")
                            process.stdin.flush()
                        else:
                            lines.append(found)
                except BaseException:
                    process.kill()
                    raise
                finally:
                    limit.cancel()
            errors.seek(0)
            return Ended(process.returncode, lines, errors.read())


MCP_2 = Environment("mcp-2", ("mcp>=2.3,<3",))
"""What judges the lab's tools and its wire alike."""


def seen(world: Served, environment: Environment, client: str, *arguments: str) -> list[dict[str, Any]]:
    """What a client saw that came to its end."""
    code, lines, errors = environment.run(world, client, *arguments)
    assert code == 0, f"{client} {' '.join(arguments)} ended with {code} after {lines}: {errors}"
    return lines
