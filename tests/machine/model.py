"""What a lab must answer, said a second time and on one page: no line of `lab.jobs` or `lab.identity` is used here.

Intervals are half-open: a gate takes decisions while `opened <= now < opened + PATIENCE`, a token is good while
`now < until`, and a reply that is withheld has left once `now >= due`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

READING, PATIENCE, PAYING, ROUNDS, RETENTION = 2_000, 10_000, 1_000, 2, 5_000
LIFETIME = 60
"""Seconds."""
EPOCH = 1_767_225_600
INVOKED, POLLED = 200, 50
"""How long the answers are withheld."""
APPROVALS = {"ONE": 1, "TWO": 2}
"""The teams, and how many must approve. In a quorum nobody decides over the API."""

SCENARIOS = [
    f"""\
lab: 1
name: {team.lower()}
title: Somebody decides
token: {{lifetime: {LIFETIME}s}}
agent: {{code: {team}, version: 1}}
retention: {RETENTION}ms
ask: Go on
latency: {{token: 0ms, invoke: {INVOKED}ms, status: {POLLED}ms}}
steps:
  - work: read
    takes: {READING}ms
  - gate: boss
    asks: May it go on?
    channel: {channel}
    patience: {PATIENCE}ms
    {extra}
  - work: pay
    takes: {PAYING}ms
  - complete: done
    output: Paid.
  - complete: declined
    output: Kept.
"""
    for team, channel, extra in (
        ("ONE", "CHAT", f"verdicts: {{rejected: declined, changes-requested: read}}\n    rounds: {ROUNDS}"),
        ("TWO", "EMAIL", "verdicts: {rejected: declined}\n    approvals: 2"),
    )
]


@dataclass
class Vote:
    at: int
    verdict: str
    name: str | None


@dataclass
class Stand:
    """Where a job is at an instant."""

    status: str
    until: int | None = None
    opening: int | None = None
    """Which opening of the gate is open, from 0."""
    cast: list[Vote] = field(default_factory=list)
    """Its votes so far."""
    output: str | None = None
    """That of COMPLETE; None: not said here."""
    ended: int | None = None
    """Since when, if it has ended."""


@dataclass
class ModelJob:
    client: str
    team: str
    accepted: int
    id: str | None = None
    """None: the answer that named it got lost."""
    votes: list[Vote] = field(default_factory=list)
    tokens: dict[str, int] = field(default_factory=dict)
    """The opening that each token answers, of those that polls have shown."""

    def at(self, now: int) -> Stand:
        begun, used, left = self.accepted, 0, iter(self.votes)
        while True:
            opened = begun + READING
            if now < opened:
                return Stand("RUNNING", opened)
            cast: list[Vote] = []
            end = self._ended(left, opened + PATIENCE, cast)
            if end is None:
                if now < opened + PATIENCE:
                    return Stand("WAITING", opened + PATIENCE, used, cast)
                return Stand("ERROR", ended=opened + PATIENCE)
            if end.verdict == "changes-requested" and used < ROUNDS:
                begun, used = end.at, used + 1
                continue
            if end.verdict != "approved":
                return Stand("COMPLETE", output="Kept." if end.verdict == "rejected" else None, ended=end.at)
            paid = end.at + PAYING
            return Stand("RUNNING", paid) if now < paid else Stand("COMPLETE", output="Paid.", ended=paid)

    def gone(self, now: int) -> bool:
        """Whether nobody can ask for it any more."""
        ended = self.at(now).ended
        return ended is not None and now >= ended + RETENTION

    def _ended(self, left: Iterator[Vote], deadline: int, cast: list[Vote]) -> Vote | None:
        for vote in left:
            assert vote.at < deadline, "the model takes no vote that comes too late"
            cast.append(vote)
            if vote.verdict != "approved" or len(cast) == APPROVALS[self.team]:
                return vote
        return None

    def takes(self, now: int, verdict: str, name: str | None, comment: str | None) -> bool:
        """Whether a decision would be admitted."""
        stand = self.at(now)
        if stand.status != "WAITING" or (name is not None and any(name == vote.name for vote in stand.cast)):
            return False
        return verdict != "changes-requested" or (bool(comment) and self.team == "ONE")

    def vote(self, now: int, verdict: str, name: str | None, comment: str | None) -> bool:
        """Decide; False if that is refused."""
        takes = self.takes(now, verdict, name, comment)
        if takes:
            self.votes.append(Vote(now, verdict, name))
        return takes


@dataclass
class ModelToken:
    client: str
    text: str
    until: int
    revoked: bool = False

    def good(self, now: int) -> bool:
        return not self.revoked and now < self.until


@dataclass
class Model:
    """All of it."""

    now: int = 0
    jobs: list[ModelJob] = field(default_factory=list)
    tokens: list[ModelToken] = field(default_factory=list)

    def token(self, client: str, text: str) -> None:
        # a JWT counts whole seconds
        self.tokens.append(ModelToken(client, text, (self.now // 1_000 + LIFETIME) * 1_000))

    def revoke(self, client: str) -> int:
        good = [token for token in self.tokens if token.client == client and token.good(self.now)]
        for token in good:
            token.revoked = True
        return len(good)

    def edges(self) -> list[int]:
        """The instants to come at which something ends by itself."""
        found = {job.at(self.now).until for job in self.jobs} | {token.until for token in self.tokens}
        found |= {ended + RETENTION for job in self.jobs if (ended := job.at(self.now).ended) is not None}
        return [each for each in found if each is not None and each > self.now]
