"""A client of the control plane: steers a lab, and follows its journal (contract.md §2.7)."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Literal
from urllib.parse import quote, urlsplit

import aiohttp
from msgspec import Struct
from yarl import URL

from lab.app.effects import LARGEST_ANSWER
from lab.client.journal_stream import NO_LAB, data_lines, read_journal_line
from lab.client.transport import AnswerTooLarge, Connections, address, bounded_body
from lab.core.clock import Epoch, Millis
from lab.core.errors import HostError, ProtocolError
from lab.core.exchange import Json
from lab.core.jsontext import value_or_none, whole
from lab.core.observe import Observation
from lab.recording.format.lines import Header

TAKEN = "exists already"
"""How the refusal of a name that a recording has is worded."""
_MOST_NUMBERS = 1_000
LARGEST_JOURNAL = 1_073_741_824
"""Bytes: more than the last exchanges of a lab take by any usual setting."""


class ControlAnswer(Struct, frozen=True):
    """What became of a command: 200, or a refusal and its reason."""

    status: int
    document: Mapping[str, Json]

    @property
    def done(self) -> bool:
        """Whether it was obeyed."""
        return self.status == 200

    @property
    def why(self) -> str:
        """Why not, in one sentence with a hint."""
        parts = (self.document.get(name) for name in ("error", "why", "hint"))
        return " ".join(part for part in parts if isinstance(part, str) and part)

    @property
    def refused(self) -> str | None:
        """Why not; None if it was obeyed."""
        return None if self.done else self.why

    @property
    def file(self) -> str:
        """Where the tape lies that was begun or ended."""
        return str(self.document.get("file", ""))


class LabState(Struct, frozen=True):
    """A lab as it is found: its clock, its seed, and what is wrong with it."""

    mode: str
    """Of its clock: real, scaled, manual."""
    factor: str
    now: Millis
    epoch: Epoch
    seed: int | None = None
    base_url: str = ""
    trouble: str | None = None
    """What killed a tape."""
    set_back: Millis | None = None
    """When its store was found to have lost what it had acknowledged."""


def root_of(url: str) -> str:
    """What the URLs of a control plane's routes begin with, of one that is named by its address: no slash at its end."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/_lab{parts.path.rstrip('/')}"


class ControlClient(Connections):
    """Speaks to one lab, or with `/t/NAME`, `/scenario/NAME` or both behind its origin to what clients chose so.

    HostError when it can't be reached, ProtocolError when the token is wrong.
    """

    def __init__(self, url: str, token: str) -> None:
        self._url_given = str(address(url)).rstrip("/")
        self._root = root_of(self._url_given)
        self._headers = {"authorization": f"Bearer {token}"}
        self.header: Header | None = None
        """The header of the journal that is followed, or was: epoch, clock, scenarios."""

    async def look(self, what: Literal["health", "jobs", "clock", "faults", "scenarios"]) -> Mapping[str, Json]:
        """How the lab is; its newest jobs, oldest first; its clock; faults; what can be chosen."""
        return (await self._ask("GET", what)).document

    async def journal(self, scenario: str | None = None) -> bytes:
        """All lines so far; of a scenario that was chosen if one is named."""
        path, lines = f"scenario/{_quoted(scenario)}/journal" if scenario else "journal", bytearray()
        try:
            async with self.request("GET", self._url(path), headers=self._headers) as got:
                if got.status != 200:
                    raise _answered(got.status)
                async for part in got.content.iter_any():
                    lines += part
                    if len(lines) > LARGEST_JOURNAL:
                        raise ProtocolError(f"the journal is longer than {LARGEST_JOURNAL} bytes", hint=NO_LAB)
        except (aiohttp.ClientError, OSError) as error:
            raise self._lost() from error
        return bytes(lines)

    async def lab(self) -> LabState:
        """How the lab is; ProtocolError if this is none."""
        document = await self.look("health")
        clock, why = document.get("clock"), document.get("why")
        if not isinstance(clock, dict):
            if isinstance(
                away := document.get("error_description"), str
            ):  # a proxy's, before labs of which none is ready
                raise ProtocolError(away, hint="It was not a lab that answered: ask again, or a lab itself.")
            why = document.get("error", "This is no control plane of a lab.")
            raise ProtocolError(str(why), hint="lab serve prints it as control url.")
        return LabState(
            str(clock.get("mode")),
            str(clock.get("factor")),
            whole(clock.get("now")) or 0,
            whole(clock.get("epoch")) or 0,
            whole(document.get("seed")),
            str(document.get("base_url") or ""),
            why if isinstance(why, str) else None,
            whole(document.get("set_back")),
        )

    async def ready(self) -> ControlAnswer:
        """Whether calls are to be sent to it: 503 while its store doesn't answer, or once it ends."""
        return await self._ask("GET", "ready")

    async def tenants(self) -> tuple[str, ...]:
        """The names of the lab's tenants."""
        listed = (await self._ask("GET", "tenants")).document.get("tenants")
        found = [each.get("name") for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        return tuple(name for name in found if isinstance(name, str))

    async def due(self) -> Millis | None:
        """The instant at which the next of the newest jobs moves on by itself; None: none does."""
        document = await self.look("jobs")
        now, jobs = whole(document.get("now")) or 0, document.get("jobs")
        untils = [whole(job.get("until")) for job in jobs if isinstance(job, dict)] if isinstance(jobs, list) else []
        return min((until for until in untils if until is not None and until > now), default=None)

    async def job(self, job: str, *, until: str | None = None, timeout: Millis = 30_000) -> ControlAnswer:
        """A job; with `until` as soon as it has that status, 408 if it doesn't come within `timeout` real ms."""
        wait = f"?until={_quoted(until)}&timeout={timeout}ms" if until else ""
        return await self._ask("GET", f"jobs/{_quoted(job)}{wait}")

    async def calls(self, route: str | None = None, job: str | None = None) -> ControlAnswer:
        """How often clients called, on a route, about a job, or at all: `count statuses gaps near last`."""
        query = "&".join(f"{name}={_quoted(value)}" for name, value in (("route", route), ("job", job)) if value)
        return await self._ask("GET", f"calls?{query}" if query else "calls")

    async def decide(
        self, job: str, gate: str, verdict: str, *, name: str | None = None, comment: str | None = None
    ) -> ControlAnswer:
        """Answer a gate."""
        document: dict[str, Json] = {"gate": gate, "verdict": verdict}
        document |= {key: value for key, value in (("by", name), ("comment", comment)) if value is not None}
        return await self._ask("POST", f"jobs/{_quoted(job)}/decisions", document)

    async def scale(self, factor: str) -> ControlAnswer:
        """Run a scaled clock at another pace; `0` pauses."""
        return await self._ask("POST", "clock", {"factor": factor})

    async def advance(self, millis: Millis) -> ControlAnswer:
        """Advance a manual clock."""
        return await self._ask("POST", "clock", {"advance": f"{millis}ms"})

    async def advance_until(self, job: str, status: str, *, timeout: bool = False) -> ControlAnswer:
        """Advance a manual clock until the job has that status; with `timeout` patience may run out on the way.

        The document has the `job`; of a job that can't come to have it, its `history`.
        """
        return await self._ask("POST", "clock", {"job": job, "until": status, "timeout": timeout})

    async def end_tokens(self, client: str, do: str) -> ControlAnswer:
        """`expire` or `revoke` a client's tokens."""
        return await self._ask("POST", "tokens", {"client": client, "do": do})

    async def rotate_key(self) -> ControlAnswer:
        """Let the other of the lab's two keys sign tokens; the document's `why` is its `kid`."""
        return await self._ask("POST", "tokens", {"do": "rotate"})

    async def arm(self, fault: Mapping[str, Json]) -> ControlAnswer:
        """Arm a fault, written as in a scenario; the document tells its name."""
        return await self._ask("POST", "faults", fault)

    async def disarm(self, name: str) -> ControlAnswer:
        """Disarm a fault that was armed."""
        return await self._ask("DELETE", f"faults/{quote(name, safe='')}")

    async def answer_device(self, user_code: str, answer: str) -> ControlAnswer:
        """`approve` or `deny` the device that shows this code."""
        return await self._ask("POST", "devices", {"user_code": user_code, "answer": answer})

    async def begin_tape(self, name: str, *, numbered: bool = False) -> ControlAnswer:
        """Begin a tape; `numbered`: where the name is taken it is the first of NAME-2, NAME-3, … that isn't."""
        answer = await self._ask("POST", "tape", {"name": name})
        for number in range(2, _MOST_NUMBERS if numbered else 0):
            if answer.done or TAKEN not in answer.why:
                break
            answer = await self._ask("POST", "tape", {"name": f"{name}-{number}"})
        return answer

    async def end_tape(self) -> ControlAnswer:
        """End the tape that runs; the document tells where it lies."""
        return await self._ask("POST", "tape", {})

    async def reset(self, to: Millis | None = None) -> ControlAnswer:
        """Clear the ledger, or set it and the clock back to an instant."""
        return await self._ask("POST", "reset", {} if to is None else {"to": to})

    async def follow(self, *, replies: bool = True) -> AsyncIterator[Observation]:
        """What has happened and what happens, until the lab ends or the iterator is closed.

        Without `replies` for the client that got them: a large one need not come twice.
        """
        session = self.open()
        try:
            url = self._url(f"journal?follow=1{'' if replies else '&replies=0'}")
            async with self.request("GET", url, headers=self._headers) as got:
                if got.status != 200:
                    raise _answered(got.status)
                async for line in data_lines(got.content):
                    found = read_journal_line(line, self.header)
                    if isinstance(found, Header):
                        self.header = found
                    else:
                        for each in found:
                            yield each
        except aiohttp.ClientPayloadError:
            return  # the lab has ended
        except RuntimeError:
            if not session.closed:
                raise
            return  # closed by ourselves, while the next line was awaited
        except (aiohttp.ClientError, OSError) as error:
            raise self._lost() from error

    async def _ask(self, method: str, path: str, document: Mapping[str, Json] | None = None) -> ControlAnswer:
        data = None if document is None else json.dumps(document).encode()
        headers = self._headers if data is None else {**self._headers, "content-type": "application/json"}
        try:
            async with self.request(method, self._url(path), data=data, headers=headers) as got:
                status, body = got.status, await bounded_body(got)
        except AnswerTooLarge:
            raise ProtocolError(
                f"the control plane's answer is larger than {LARGEST_ANSWER // 1_048_576} MiB", hint=NO_LAB
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            raise self._lost() from error
        if status in (401, 403):
            raise _answered(status)
        value = value_or_none(body)
        if not isinstance(value, dict):
            raise ProtocolError("this is no control plane of a lab: its answer is no JSON object")
        return ControlAnswer(status, value)

    def _url(self, path: str) -> URL:
        return URL(f"{self._root}/{path}", encoded=True)

    def _lost(self) -> HostError:
        return HostError(f"can't reach the control plane at {self._url_given}", hint="is the lab still running?")


def _quoted(text: str) -> str:
    return quote(text, safe="", errors="surrogatepass")


def _answered(status: int) -> ProtocolError:
    token, address = (
        "lab serve prints the control token at its start",
        "address the lab by 127.0.0.1 and its control port, with a tenant's token at /t/NAME",
    )
    return ProtocolError(f"the control plane answered {status}", hint=token if status == 401 else address)
