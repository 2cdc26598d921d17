"""The services of a Compose file as processes of this machine, each at an address of its own within 127/8.

So every service keeps its ports, and the file's commands, environment and mounted files are used as they stand, but for
the names of services, which are replaced by their addresses. Programs are the system's: redis-server, haproxy.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.clocks import real_millis

_PATIENCE = 40_000
"""Milliseconds within which anything is expected."""
_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


class ComposeServices:
    """Those of one file. `more` is what each lab's command line gets beside; `variables` what the shell would have."""

    def __init__(self, file: Path, folder: Path, variables: Mapping[str, str], more: Sequence[str] = ()) -> None:
        self._file, self._folder, self._more = file, folder, more
        text = _VARIABLE.sub(lambda found: _value(found, variables), file.read_text())
        self.services: dict[str, dict[str, Any]] = yaml.safe_load(text)["services"]
        number = os.getpid()
        # who runs another of these at the same time has others
        ours = f"127.{64 + number // 256 % 128}.{number % 256}"
        self.address = {name: f"{ours}.{place}" for place, name in enumerate(self.services, 1)}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        """Run the service's command; what it writes goes into a file of its name."""
        service, home = self.services[name], self._folder / name
        home.mkdir(exist_ok=True)
        command = self._command(name, [self._placed(each) for each in service.get("command", ())], home)
        said = {key: self._placed(value) for key, value in service.get("environment", {}).items()}
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home), **said}
        with (self._folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(command, cwd=home, env=environment, stdout=log, stderr=log)

    def _command(self, name: str, command: list[str], home: Path) -> list[str]:
        address = self.address[name]
        match self.services[name]["image"].partition(":")[0]:
            case "redis":
                return [program("redis-server"), *command[1:], "--bind", address, "--dir", str(home), "--save", ""]
            case "haproxy":
                (mounted,) = self.services[name]["volumes"]
                source = self._file.parent / mounted.partition(":")[0]
                config = home / source.name
                config.write_text(self._placed(source.read_text()).replace("bind :", f"bind {address}:"))
                return [program("haproxy"), "-db", "-f", str(config)]
            case _:
                command = [each.replace("0.0.0.0", address) for each in command]
                # the lab that these tests belong to, wherever they were started
                code = f"import sys; sys.path[:] = {sys.path!r}; from lab.__main__ import main; sys.exit(main())"
                return [sys.executable, "-c", code, *command, *self._more]

    def _placed(self, text: str) -> str:
        """The text with addresses in the place of hosts that are services."""
        names = "|".join(map(re.escape, self.address))
        return re.sub(rf"\b({names})(?=:\d)", lambda found: self.address[found[1]], text)

    def end(self, name: str) -> "subprocess.Popen[bytes]":
        """Tell it to end, as a container is told; its process, which may take its time."""
        process = self.processes.pop(name)
        process.terminate()
        return process

    def wait_for(self, what: Callable[[], bool]) -> None:
        """Return once that is so; RuntimeError, with what was written, if a service has ended by itself, or it takes long."""
        deadline = real_millis() + _PATIENCE
        while not what():
            for name, process in self.processes.items():
                if process.poll() is not None or real_millis() > deadline:
                    raise RuntimeError(f"{name}: {process.poll()}, {(self._folder / f'{name}.log').read_text()}")


def _value(found: "re.Match[str]", variables: Mapping[str, str]) -> str:
    name, kind, text = found.groups()
    if value := variables.get(name):
        return value
    assert kind == "-", f"{name} is needed: {text}"
    return str(text)


def program(name: str) -> str:
    """Where it is; the test is skipped where it isn't."""
    if (found := shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")) is None:
        pytest.skip(f"there is no {name}: apt-get install redis-server haproxy")
    return found


@contextmanager
def composed(
    file: Path, folder: Path, variables: Mapping[str, str], more: Sequence[str] = ()
) -> Iterator[ComposeServices]:
    """The services, none of them started; those that run at the end are killed."""
    services = ComposeServices(file, folder, variables, more)
    try:
        yield services
    finally:
        for process in services.processes.values():
            process.kill()
            process.wait()
