"""A recording in the place of a mock: whatever serves one can serve it (recordings.md §15)."""

from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Request
from lab.core.journal.fact import Fact
from lab.core.journal.shell import PlaybackMissed
from lab.core.observe import Noted, Requested
from lab.core.refusal import Refusal
from lab.core.reply import Reply
from lab.dialects.router import ROUTER, UNKNOWN_ROUTE
from lab.identity.bearer import bearer_of
from lab.identity.routes import IDENTITY_NAMES
from lab.mock.config import Config
from lab.mock.service import Service
from lab.recording.alias import HERE
from lab.recording.playback import RecordingPlayback

NOT_RECORDED = 501
"""The status of what has no answer: no route answers it otherwise."""


class PlaybackService(Service):
    """Tokens are granted anew by an OAuth server as the recording's was; everything else is answered as recorded."""

    def __init__(self, config: Config, playback: RecordingPlayback) -> None:
        """`config` has no scenarios; its origin is the one that answers name."""
        super().__init__(config)
        self.playback = playback
        playback.values[HERE] = config.origin
        self.missed: list[str] = []
        """What was called and has no answer, in a sentence each."""

    def serve(self, request: Request, now: Millis, *, c: int = 1, took: Millis = 0) -> Reply:
        """Answer a request as it was recorded; 501 and a fact where it wasn't."""
        match = ROUTER.find(request.method, request.path, local=True)
        route = UNKNOWN_ROUTE if isinstance(match, Refusal) else match.name
        if route in IDENTITY_NAMES:
            struck = self.playback.failure(route, now)
            if struck is None:
                granted = super().serve(request, now, c=c, took=took)
                return replace(granted, latency=self.playback.latency(route))
            return self._tell(request, struck, now, c, took)
        if not isinstance(match, Refusal) and match.route.kind != "open":
            bearer, _ = bearer_of(self.config.switches, self.ledger, request, now, service=match.route.service)
            if isinstance(bearer, Refusal):
                return self._tell(request, Reply(self.word(bearer, request.path), route=route), now, c, took)
        answer = self.playback.answer(route, request, now)
        if isinstance(answer, Reply):
            return self._tell(request, answer, now, c, took)
        hint = f"Nearest: {'; '.join(answer.near)}" if answer.near else ""
        self.missed.append(f"{request.method} {request.path}: {answer.what} {hint}".rstrip())
        refusal = Refusal(NOT_RECORDED, f"{answer.what} ({answer.why})", hint, promised=True)
        missed = PlaybackMissed(at=now, why=answer.why, near=answer.near)
        return self._tell(request, Reply(self.word(refusal, request.path), route=route), now, c, took, missed)

    def _tell(
        self, request: Request, reply: Reply, now: Millis, c: int, took: Millis, fact: Fact | None = None
    ) -> Reply:
        x = self.next_exchange()
        self.tell(Requested(now, x, reply.route, request, c, (), took))
        if fact is not None:
            self.tell(Noted(now, fact, x))
        return Reply(reply.response, reply.latency, reply.route, strike=reply.strike, x=x)
