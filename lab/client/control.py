"""A client of the control plane: steers a lab, and follows its journal (contract.md §2.7)."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import cache
from typing import Any, Generic, TypeVar, cast
from urllib.parse import quote, urlsplit

import aiohttp
from msgspec import Struct, ValidationError, convert
from yarl import URL

from lab.app.effects import LARGEST_ANSWER
from lab.client.transport import AnswerTooLarge, Connections, address, bounded_body
from lab.control import ControlCommand, Health, LookHealth
from lab.core.errors import HostError, ProtocolError, UsageError
from lab.core.exchange import Json
from lab.core.jsontext import members_of, value_or_none
from lab.core.observe import Observation
from lab.core.routes import CONTROL_ROOT
from lab.plugin import ControlRoute, plugins
from lab.recording.format.lines import LONGEST_LINE, Header
from lab.recording.format.reader import lines_of
from lab.recording.tape.observed import observation_of

LARGEST_JOURNAL = 1_073_741_824
"""Bytes: more than the last exchanges of a lab take by any usual setting."""
NO_LAB = "Is this a lab of the same version?"
Answered = TypeVar("Answered")


class ControlAnswer(Struct, Generic[Answered], frozen=True):
    """What became of a command: 200, or a refusal and its reason."""

    status: int
    document: Mapping[str, Json]
    kind: Any = None
    """The type of what a command is answered that was obeyed."""

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
    def obeyed(self) -> Answered:
        """The answer; UsageError if it was refused."""
        if not self.done:
            raise UsageError(self.why)
        return self.value

    @property
    def value(self) -> Answered:
        """The answer of a command that was obeyed; ProtocolError if it is none."""
        try:
            return cast(Answered, convert(self.document, self.kind))
        except ValidationError:
            raise ProtocolError("this is no control plane of a lab: its answer is another", hint=NO_LAB) from None


@cache
def _routes() -> Mapping[str, ControlRoute]:
    """The routes by what they take."""
    return {row.takes: row for plugin in plugins() for row in plugin.routes}


def root_of(url: str) -> str:
    """What the URLs of a control plane's routes begin with, of one that is named by its address: no slash at its end."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{CONTROL_ROOT[:-1]}{parts.path.rstrip('/')}"


class ControlClient(Connections):
    """Speaks to one lab, or with `/t/NAME`, `/scenario/NAME` or both behind its origin to what clients chose so.

    HostError when it can't be reached, ProtocolError when the token is wrong.
    """

    def __init__(self, url: str, token: str) -> None:
        super().__init__()
        self.url = str(address(url)).rstrip("/")
        self._root = root_of(self.url)
        self._headers = {"authorization": f"Bearer {token}"}
        self.header: Header | None = None
        """The header of the journal that is followed, or was: epoch, clock, scenarios."""

    async def ask(self, command: ControlCommand[Answered]) -> ControlAnswer[Answered]:
        """What becomes of a command, at the route that takes it: in its path, its query, or its body."""
        kind = type(command)
        row, members = _routes()[f"{kind.__module__}:{kind.__qualname__}"], command.members()
        path = re.sub(r"\{(\w+)\}", lambda name: _quoted(str(members.pop(name[1]))), row.path)
        data = None if row.body is None else json.dumps(members.get(kind.whole, members)).encode()
        if data is None and members:
            said = (f"{name}={_quoted(str(value))}" for name, value in members.items() if value is not None)
            path += f"?{'&'.join(said)}"
        async with self._asking(row.method, path, data) as got:
            if got.status in (401, 403):
                raise _answered(got.status)
            try:
                value = value_or_none(await bounded_body(got))
            except AnswerTooLarge:
                large = f"the control plane's answer is larger than {LARGEST_ANSWER // 1_048_576} MiB"
                raise ProtocolError(large, hint=NO_LAB) from None
        if not isinstance(value, dict):
            raise ProtocolError("this is no control plane of a lab: its answer is no JSON object")
        return ControlAnswer(got.status, value, kind.answers_with())

    async def lab(self) -> Health:
        """How the lab is; ProtocolError if this is none."""
        answer = await self.ask(LookHealth())
        if isinstance(away := answer.document.get("error_description"), str):
            # a proxy's, before labs of which none is ready
            raise ProtocolError(away, hint="It was not a lab that answered: ask again, or a lab itself.")
        if not answer.done:
            why = answer.document.get("error", "This is no control plane of a lab.")
            raise ProtocolError(str(why), hint="lab serve prints it as control url.")
        return answer.value

    async def journal(self, scenario: str | None = None) -> bytes:
        """All lines so far; of a scenario that was chosen if one is named."""
        path, lines = f"scenario/{_quoted(scenario)}/journal" if scenario else "journal", bytearray()
        async with self._asking("GET", path) as got:
            if got.status != 200:
                raise _answered(got.status)
            async for part in got.content.iter_any():
                lines += part
                if len(lines) > LARGEST_JOURNAL:
                    raise ProtocolError(f"the journal is longer than {LARGEST_JOURNAL} bytes", hint=NO_LAB)
        return bytes(lines)

    async def follow(self, *, replies: bool = True) -> AsyncIterator[Observation]:
        """What has happened and what happens, until the lab ends or the iterator is closed.

        Without `replies` for the client that got them: a large one need not come twice.
        """
        session = self.open()
        try:
            async with self._asking("GET", f"journal?follow=1{'' if replies else '&replies=0'}") as got:
                if got.status != 200:
                    raise _answered(got.status)
                with suppress(aiohttp.ClientPayloadError):  # the lab has ended
                    async for line in data_lines(got.content):
                        found = read_journal_line(line, self.header)
                        if isinstance(found, Header):
                            self.header = found
                        else:
                            for each in found:
                                yield each
        except RuntimeError:
            if not session.closed:
                raise
            # closed by ourselves, while the next line was awaited

    @asynccontextmanager
    async def _asking(self, method: str, path: str, data: bytes | None = None) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer that has begun; HostError where it doesn't, or breaks off."""
        headers = self._headers if data is None else {**self._headers, "content-type": "application/json"}
        try:
            url = URL(f"{self._root}/{path}", encoded=True)
            async with self.request(method, url, data=data, headers=headers) as got:
                yield got
        except (aiohttp.ClientError, OSError) as error:
            lost = f"can't reach the control plane at {self.url}"
            raise HostError(lost, hint="is the lab still running?") from error


def _quoted(text: str) -> str:
    return quote(text, safe="", errors="surrogatepass")


def _answered(status: int) -> ProtocolError:
    hint = "address the lab by 127.0.0.1 and its control port, with a tenant's token at /t/NAME"
    if status == 401:
        hint = "lab serve prints the control token at its start"
    return ProtocolError(f"the control plane answered {status}", hint=hint)


# The journal as it comes: lines of a recording in server-sent events


async def data_lines(stream: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """The data of server-sent events, one line each; aiohttp's own line reader stops at 64 KiB."""
    pending: list[bytes] = []
    size = 0
    async for chunk in stream.iter_any():
        pending.append(chunk)
        size += len(chunk)
        if b"\n" in chunk:
            # only then: a line of megabytes comes in many chunks, and joining at each takes the square of its length
            *whole, rest = b"".join(pending).split(b"\n")
            pending, size = [rest], len(rest)
        else:
            whole = []
        if size > LONGEST_LINE:
            raise ProtocolError(f"the control plane sent a line longer than {LONGEST_LINE} bytes", hint=NO_LAB)
        for line in whole:
            if line.startswith(b"data: "):
                yield line[6:]


def read_journal_line(line: bytes, header: Header | None = None) -> Header | tuple[Observation, ...]:
    """The header, or what a line tells that comes after it: nothing of the footer, and whatever this lab doesn't know.

    ProtocolError for a line that is longer than one in a recording, nests too deep, or is no JSON object.
    """
    found = lines_of(line)
    if isinstance(found, Header):
        return found
    if not found and (len(line) >= LONGEST_LINE or not members_of(line)):
        raise ProtocolError("the control plane sent a line that is too long, too deep, or no JSON", hint=NO_LAB)
    local = header is not None and bool(header.settings.get("local_orchestrator"))
    observations = (observation_of(each, local=local) for each in found)
    return tuple(each for each in observations if each is not None)
