"""A lab of one's own: a process that is started, steered and looked at."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from types import TracebackType
from typing import Any

from .control import ControlPlaneClient
from .process import LabProcess
from .story import story
from .values import CallLog, LabJob, OpenGate, RuleReport
from .virtual_clock import VirtualClock
from .virtual_time import virtual_time


class Lab:
    """A mock server with the scenarios named, by name or path; none named: all in the folder.

        with Lab("item-comparison") as lab:
            client = MyClient(lab.base_url, **lab.credentials)

    Its clock stands until it is moved, and a person decides at gates, unless `clock` and `reviewer` say otherwise.
    """

    folder: Path | None = None
    """The folder in which it is started; None: the present one."""
    drills: str | None = None
    """The scenario whose drills are served, too, each for a client that chooses it: `chosen`."""

    def __init__(
        self,
        *targets: str,
        scenarios: str | os.PathLike[str] | None = None,
        seed: int | None = None,
        clock: str = "manual",
        settings: Mapping[str, object] | str | os.PathLike[str] | None = None,
        tls: bool = False,
        reviewer: str = "person",
    ) -> None:
        """All as `lab serve` has them; `settings` are switches by name, or the path of a settings file."""
        self._arguments = [*targets, "--clock", clock, "--reviewer", reviewer, "--port", "0"]
        named: list[tuple[str, Any]] = [("--scenarios", scenarios), ("--seed", seed)]
        if isinstance(settings, Mapping):
            named += [("--set", f"{name}={value}") for name, value in settings.items()]
        else:
            named.append(("--settings", settings))
        self._arguments += [str(word) for name, value in named if value is not None for word in (name, value)]
        if tls:
            self._arguments += ["--tls", "--tls-port", "0"]
        self.manual = clock == "manual"
        """Whether its clock stands until it is moved."""
        self._virtual: VirtualClock | None = None
        self._process: LabProcess | None = None

    # Its life

    def start(self) -> None:
        """Start it; LabUnavailable says why it can't be."""
        drills = [] if self.drills is None else ["--drills", self.drills]
        self._process = LabProcess([*self._arguments, *drills], self.folder)
        self._serve(None)
        self._process.remarks()  # its advice for people

    def chosen(self, scenario: str) -> Lab:
        """The same lab for a client that chooses this scenario, or drill, by its URL (lab docs clients, §10)."""
        place = copy(self)
        place._serve(scenario)
        return place

    def _serve(self, scenario: str | None) -> None:
        """Tell what clients need who choose this scenario; None: who choose none."""
        ready, path = self.process.ready, "" if scenario is None else f"/scenario/{scenario}"
        self._control = ControlPlaneClient(ready["control_url"], ready["control_token"], scenario)
        self._scenarios: list[dict[str, Any]] = self._control.get("scenarios")["scenarios"]
        self.faults = FaultControl(self._control)
        self.base_url: str = ready.get("https_url", ready["base_url"]) + path
        """The origin, and path, that clients call."""
        token_url = self.base_url + ready["token_url"][len(ready["base_url"]) :]
        names = ("client_id", "client_secret", "scope")
        self.credentials: dict[str, str] = {"token_url": token_url, **{name: ready[name] for name in names}}
        """`token_url client_id client_secret scope`."""
        self.ca_file: str | None = ready.get("ca_file")
        """With `tls`, the file of the authority that clients must trust."""

    @property
    def process(self) -> LabProcess:
        """The process, once it is started."""
        assert self._process is not None, "The lab isn't started: call start(), or use `with`."
        return self._process

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None

    def __enter__(self) -> Lab:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def reset(self) -> None:
        """Forget every job, token, fault and line of the journal; a manual clock goes back to 0."""
        self._control.post("reset", body={})
        self._moved()

    # What clients need

    def ask(self, scenario: str | None = None, turn: int = 1) -> str:
        """The message with which a scenario, by default the first, is played; of its turns the first."""
        message: str = self._scenario(scenario)["asks"][turn - 1]["message"]
        return message

    def parameters(self, scenario: str | None = None, turn: int = 1) -> dict[str, Any]:
        """The `parameters` that go with that message."""
        return dict(self._scenario(scenario)["asks"][turn - 1]["parameters"])

    def agent_code(self, scenario: str | None = None) -> str:
        """The code of the agent team that plays it."""
        code: str = self._scenario(scenario)["agent_code"]
        return code

    def _scenario(self, name: str | None) -> dict[str, Any]:
        for each in self._scenarios:
            if name in (None, each["name"]):
                return each
        raise ValueError(f"{name} isn't served; there are {', '.join(each['name'] for each in self._scenarios)}.")

    # Steering

    def until(self, job: object, status: str, *, timeout: bool = False) -> LabJob:
        """The job once it has that status: a manual clock is moved to it, happening by happening, another is awaited.

        An open gate's patience isn't run out on the way, unless `timeout`. ControlRefused, with the job's history, if
        the status can't come.
        """
        __tracebackhide__ = True
        if not self.manual:
            return self._job(self._control.get("jobs", str(job), until=status, timeout="55s"))
        command = {"job": str(job), "until": status, "timeout": timeout}
        found = self._control.post("clock", body=command)["job"]
        self._moved()
        return self._job(found)

    async def auntil(self, job: object, status: str, *, timeout: bool = False) -> LabJob:
        """The same, without holding up the loop."""
        import asyncio  # whoever awaits has it already

        return await asyncio.to_thread(self.until, job, status, timeout=timeout)

    def advance(self, duration: str) -> None:
        """Move a manual clock on, as by `1h30m`."""
        self._control.post("clock", body={"advance": duration})
        self._moved()

    @contextmanager
    def virtual_time(self) -> Iterator[None]:
        """In this block the client lives by the lab's manual clock, which jumps to whatever is due next (testing.md §3.1).

        VirtualTimeRefused, here or where it happens, if the client waits in a way that this can't follow.
        """
        with virtual_time(self._control.url, self._control.token) as self._virtual:
            try:
                yield
            finally:
                self._virtual = None

    def _moved(self) -> None:
        if self._virtual is not None:
            self._virtual.refresh()

    def job(self, job: object) -> LabJob:
        """A job as it is now."""
        return self._job(self._control.get("jobs", str(job)))

    def jobs(self) -> list[str]:
        """The ids of the newest jobs, oldest first."""
        return [each["job"] for each in self._control.get("jobs")["jobs"]]

    def _job(self, document: Mapping[str, Any]) -> LabJob:
        job, gate = document["job"], document["gate"]

        def decide(decision: Mapping[str, Any]) -> object:
            return self._control.post("jobs", job, "decisions", body=decision)

        opened = None if gate is None else OpenGate(gate["gate"], gate["round"], gate["offers"], decide)
        return LabJob(job, document["status"], document["step"], document["body"], opened)

    # Looking

    def calls(self, route: str | None = None, job: object = None) -> CallLog:
        """The client's calls since the reset: of one route (`token`, `invoke`, `status`, …), about one job."""
        document = self._control.get("calls", route=route, job=None if job is None else str(job))
        return CallLog(document["statuses"], [gap / 1000 for gap in document["gaps"]], document["last"])

    def report(self, *, over: bool = True) -> RuleReport:
        """What the rules say of the client; `over`: it has ended, so that it has stopped, or not, is a finding."""
        return RuleReport(self._control.get("report", over="1" if over else "0"))

    def outcome(self, *, code: int, turns: int = 1, strikes: bool = False) -> str:
        """How a client's run ended (lab docs clients, §9) whose exit code is, or would be, `code`."""
        document = self._control.get("outcome", code=str(code), turns=str(turns), strikes=str(int(strikes)))
        return str(document["outcome"])

    @property
    def journal(self) -> list[dict[str, Any]]:
        """All that happened since the reset, as the lines of a recording (lab docs recordings)."""
        return self._control.lines("journal")

    def story(self) -> str:
        """What happened last, to be read beside a test that failed: near misses, then the end of the journal."""
        return story(self.journal)


class FaultControl:
    """Faults that are armed for the calls to come."""

    def __init__(self, control: ControlPlaneClient) -> None:
        self._control = control

    def arm(self, **fault: Any) -> str:
        """Arm a fault written as in a scenario, as `route="status", answer=503`; its name."""
        name: str = self._control.post("faults", body=fault)["name"]
        return name

    def disarm(self, name: str) -> None:
        """Let it strike no more."""
        self._control.delete("faults", name)

    def armed(self) -> list[str]:
        """The names of those that are armed."""
        return [each["name"] for each in self._control.get("faults")["faults"] if each["armed"]]
