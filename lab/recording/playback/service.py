"""A recording in the place of a mock: whatever serves one can serve it (recordings.md §15)."""

from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Request
from lab.core.journal.fact import Fact
from lab.core.journal.shell import PlaybackMissed
from lab.core.jsontext import members_of
from lab.core.observe import Noted, Requested
from lab.core.refusal import Refusal
from lab.core.reply import Reply
from lab.dialects.router import ROUTER, UNKNOWN_ROUTE, lightened
from lab.identity.bearer import authenticated
from lab.mock.config import Config
from lab.mock.service import Service
from lab.recording.playback.playback import GRANTING, RecordingPlayback

_MOST_MISSED = 1_000
"""Calls without an answer that are told one by one."""
NOT_RECORDED = 501
"""The status of what has no answer: no route answers it otherwise."""


class PlaybackService(Service):
    """Tokens are granted anew by an OAuth server as the recording's was; everything else is answered as recorded."""

    def __init__(self, config: Config, playback: RecordingPlayback) -> None:
        """`config` has no scenarios; its origin is the one that answers name."""
        super().__init__(config)
        self.playback, self._identity = playback, config.identity
        playback.writer.here = config.origin
        playback.writer.elsewhere = config.elsewhere
        self.missed: list[str] = []
        """What was called and has no answer, in a sentence each, the first of each kind."""
        self._devices: list[tuple[Millis, str, str]] = []
        """When devices will be answered for, their user codes, and the answers."""

    def serve(self, request: Request, now: Millis, *, c: int = 1, took: Millis = 0, came: int = 0) -> Reply:
        """Answer a request as it was recorded; 501 and a fact where it wasn't."""
        request = lightened(request) if request.body else request
        match = ROUTER.find(request.method, request.path, local=True)
        route = UNKNOWN_ROUTE if isinstance(match, Refusal) else match.name
        if route in GRANTING:
            return self._grant(route, request, now, c, took)
        if not isinstance(match, Refusal) and match.route.kind != "open":
            bearer, _ = authenticated(self._identity, match.route, self.config.switches, self.ledger, request, now)
            if isinstance(bearer, Refusal):
                worded = Reply(self.word(bearer, request.path), route=route)
                return self._tell(request, self.playback.refusal(route, request, now) or worded, now, c, took)
        answer = self.playback.answer(route, request, now)
        if isinstance(answer, Reply):
            return self._tell(request, answer, now, c, took)
        hint = f"Nearest: {'; '.join(answer.near)}" if answer.near else ""
        text = f"{request.method} {self.playback.shown(request.path)}: {answer.what} {hint}".rstrip()
        if len(self.missed) < _MOST_MISSED and text not in self.missed:
            self.missed.append(text)
        refusal = Refusal(NOT_RECORDED, f"{answer.what} ({answer.why})", hint, promised=True)
        missed = PlaybackMissed(at=now, why=answer.why, near=answer.near)
        return self._tell(request, Reply(self.word(refusal, request.path), route=route), now, c, took, missed)

    def _grant(self, route: str, request: Request, now: Millis, c: int, took: Millis) -> Reply:
        """A call of the OAuth server: answered by one, as late as then, unless what was recorded strikes it."""
        for due in [each for each in self._devices if each[0] <= now]:
            # as somebody did over the control plane whom the recording has; here nobody else would
            self._devices.remove(due)
            self.answer_device(due[1], due[2], now)
        struck = self.playback.failure(route, request, now)
        if struck is not None:
            return self._tell(request, struck, now, c, took)
        granted = super().serve(request, now, c=c, took=took)
        if route == "device" and granted.response.status == 200 and self.playback.devices:
            answered, code = self.playback.devices.pop(0), members_of(granted.response.body).get("user_code")
            self._devices += [] if answered is None else [(now + answered[0], str(code), answered[1])]
        return replace(granted, latency=self.playback.latency(route, request))

    def _tell(
        self, request: Request, reply: Reply, now: Millis, c: int, took: Millis, fact: Fact | None = None
    ) -> Reply:
        x = self.next_exchange()
        self.tell(Requested(now, x, reply.route, request, c, (), took))
        if fact is not None:
            self.tell(Noted(now, fact, x))
        return replace(reply, x=x)
