"""Clients that break one of the rules B4 to B7 each, and rehearsals in which they do."""

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Json, Request, json_bytes
from lab.core.jsontext import members_of
from lab.dialects.client import Seen
from tests.plugins.rehearsal.report.good import Keyed, Plain, Steps, Stopped
from tests.plugins.rehearsal.report.rehearsal import Rehearsal
from tests.plugins.rehearsal.report.together import Came
from tests.plugins.rehearsal.report.zoo import HEAD, worked


def with_members(request: Request, **members: Json) -> Request:
    """The same with these members."""
    return replace(request, body=json_bytes({**members_of(request.body), **members}))


@dataclass
class BlindRetry(Plain):
    """Sends a message once more whose answer was lost."""

    def repeatable(self, came: Came) -> bool:
        return True


@dataclass
class AsksLater(Plain):
    """Asks anew after a quarter of an hour; good."""

    wait_before: Millis = 900_000
    again: bool = True

    def turn(self, message: str, conversation: str | None) -> Steps[str | None]:
        try:
            return (yield from super().turn(message, conversation))
        except Stopped:
            yield from self.wait(self.wait_before)
            return (yield from super().turn(message, conversation))


@dataclass
class AsksTwice(Plain):
    """Asks anew once a poll has failed, and follows both jobs."""

    other: Seen | None = None

    def follow(self, job: Seen) -> Steps[None]:
        yield from super().follow(job)
        if self.other is not None and self.other is not job:
            self.seen, self.answers = self.other, []
            yield from self.follow(self.other)

    def pause(self, attempt: int, came: Came) -> Steps[None]:
        if self.answers and self.other is None:
            self.other = yield from self.invoke(self.turns[0], None)
        yield from super().pause(attempt, came)


@dataclass
class AsksAfterTheEnd(Plain):
    """Asks the same anew once the first job has ended; good."""

    turns: tuple[str, ...] = ("go", "go")

    def turn(self, message: str, conversation: str | None) -> Steps[str | None]:
        yield from super().turn(message, conversation)
        return None


@dataclass
class FreshKey(Keyed):
    """Makes a new key for each try."""

    def key(self, attempt: int) -> str:
        return f"{super().key(attempt)}-{attempt}"


@dataclass
class OtherBytes(Keyed):
    """Says at which try it is."""

    def attempted(self, request: Request, attempt: int) -> Request:
        changed = with_members(request, message=f"go, try {attempt}") if attempt > 1 else request
        return super().attempted(changed, attempt)


@dataclass
class OtherOrder(Keyed):
    """Writes the members of a message in another order when it sends it again."""

    def attempted(self, request: Request, attempt: int) -> Request:
        members = reversed(members_of(request.body).items())
        changed = replace(request, body=json_bytes(dict(members))) if attempt > 1 else request
        return super().attempted(changed, attempt)


@dataclass
class Hasty(Keyed):
    """Gives an answer five seconds; good, for it has a key."""

    answer_within: Millis = 5_000


@dataclass
class HastyFreshKey(FreshKey):
    """Does so with a new key each time."""

    answer_within: Millis = 5_000


@dataclass
class AgainOn400(Plain):
    """Repeats a wrong request once."""

    repeated: bool = False

    def repeatable(self, came: Came) -> bool:
        first, self.repeated = not self.repeated, True
        return first


@dataclass
class Talks(Plain):
    """Asks twice in one conversation; good."""

    turns: tuple[str, ...] = ("go", "ship it")


@dataclass
class Amnesiac(Talks):
    """Forgets its conversation."""

    def invoke_request(self, message: str, conversation: str | None) -> Request:
        return super().invoke_request(message, None)


@dataclass
class OtherConversation(Talks):
    """Makes up a new conversation for each message."""

    def invoke_request(self, message: str, conversation: str | None) -> Request:
        return super().invoke_request(message, f"of-{message.replace(' ', '-')}")


@dataclass
class OneShots(Talks):
    """Begins no conversation, though it has more to say."""

    def invoke_request(self, message: str, conversation: str | None) -> Request:
        return replace(super().invoke_request(message, None), body=json_bytes({"message": message}))


LOST = worked(
    "30s",
    "route: invoke, calls: 1, answer: 429",
    "route: invoke, calls: 2, answer: 503, retry_after: 2s",
    "route: invoke, calls: 3, lose_reply: true",
)
LOST_AT_ONCE = worked("30s", "route: invoke, calls: 1, lose_reply: true")
GATEWAY = worked("30s", "route: invoke, calls: 1, answer: 503")
LOGIN_PAGE = worked("30s", "route: invoke, calls: 1, answer: 200, body: html")
LOST_POLL = worked("60s", "route: status, calls: 3, answer: 503")
LATE = worked("30s").replace("invoke: 200ms", "invoke: 12s")
WRONG = worked("30s", "route: invoke, calls: every 1, answer: 400")
TWO_TURNS = f"{HEAD}match: go\nsteps:\n  - {{work: run, takes: 20s}}\n  - {{complete: done, output: Done.}}\n" + (
    "turns:\n  - {match: ship, ask: ship it, steps: [{work: run, takes: 20s}, {complete: done, output: Shipped.}]}\n"
)
KEYS = {"idempotency_key": "on"}
ZOO: Mapping[str, Rehearsal] = {
    "B4": Rehearsal(LOST, BlindRetry),
    "B4 gateway": Rehearsal(GATEWAY, BlindRetry, AsksLater),
    "B4 page": Rehearsal(LOGIN_PAGE, BlindRetry),
    "B4 poll": Rehearsal(LOST_POLL, AsksTwice, AsksAfterTheEnd),
    "B5": Rehearsal(LOST, FreshKey, Keyed, switches=KEYS),
    "B5 bytes": Rehearsal(LOST, OtherBytes, Keyed, switches=KEYS),
    "B5 order": Rehearsal(LOST_AT_ONCE, OtherOrder, Keyed, switches=KEYS),
    "B5 under way": Rehearsal(LATE, HastyFreshKey, Hasty, switches=KEYS),
    "B6": Rehearsal(WRONG, AgainOn400),
    "B7": Rehearsal(TWO_TURNS, Amnesiac, Talks),
    "B7 other": Rehearsal(TWO_TURNS, OtherConversation, Talks),
    "B7 one-shot": Rehearsal(TWO_TURNS, OneShots, Talks),
}
"""By the rule that it breaks."""
