"""A stretch of WAITING -> a gate: what its question says, how it ended, and what of that is assumed."""

import re

from lab.core.clock import Millis
from lab.core.exchange import Json, text_of
from lab.dialects.client import Question
from lab.language.document import Status, Verdict, duration_text
from lab.plugins.learn.commented_yaml import Commented, YamlMembers
from lab.plugins.learn.repeats import Templates
from lab.plugins.learn.story import Glimpse, ObservedDecision, ObservedTurn
from lab.plugins.learn.stretches import StatusStretch, bounds_of, length_of

_USUAL_PATIENCE: Millis = 900_000
_VERDICTS = (
    (
        Verdict.TIMED_OUT,
        re.compile("timed?[ -]?out|did(?: not|n't) answer|no (?:answer|response)|nobody|expired", re.I),
    ),
    (Verdict.REJECTED, re.compile("reject|declin|denied|refus|not approved", re.I)),
)
"""What the text behind a gate shows of its verdict."""
_LABELS = {
    Verdict.APPROVED: ("approve", "Approve"),
    Verdict.REJECTED: ("reject", "Reject"),
    Verdict.CHANGES: ("changes", "Request changes"),
}
"""What the action of each verdict is called in a scenario, and as long as it says nothing else."""
_LONGEST_LOOK = 2_000
"""Characters of a text in which a verdict is looked for."""


class GateWriter:
    """One gate of a turn: the stretch at `place` of them, under the ids that their steps have."""

    def __init__(self, turn: ObservedTurn, stretches: list[StatusStretch], ids: list[str], place: int) -> None:
        self.stretches = stretches
        self.ids = ids
        self.place = place
        self.question = stretches[place].glimpse.question or Question(job="")
        self.lasts = length_of(stretches, place)
        self.opening = self._opening(turn)
        self.known_patience = turn.patience.get(self.opening[0])
        self.decision, self.assumed = self._decision(turn)

    @property
    def verdict(self) -> Verdict | None:
        """How it ended; None: not while somebody looked."""
        return self.decision.verdict if self.decision is not None else None

    @property
    def patience(self) -> Millis:
        """How long it waits."""
        if self.verdict is Verdict.TIMED_OUT:
            return self.lasts
        known = self.known_patience or 0
        return known if known > self.lasts else max(_USUAL_PATIENCE, 2 * self.lasts)

    def members(self, templates: Templates) -> YamlMembers:
        """The gate as it is written."""
        question = self.question
        asks = templates.text(question.text or "May it go on?")
        gate: YamlMembers = {
            "gate": self.ids[self.place],
            "asks": asks if question.text else Commented(asks, "not observed"),
        }
        if question.channel in ("EMAIL", "APPROVAL_PROCESS"):
            gate["channel"] = question.channel
        seen = self.known_patience is not None or self.verdict is Verdict.TIMED_OUT
        patience = duration_text(self.patience)
        gate["patience"] = patience if seen else Commented(patience, "not observed, but that it is longer")
        gate |= self._routes()
        if question.free:
            gate["approval"] = False
        labels: dict[str, Json] = {
            _LABELS[verdict][0]: label
            for verdict, label in question.verdicts
            if verdict in _LABELS and _LABELS[verdict][1] != label
        }
        return gate | ({"labels": labels} if labels else {}) | {"reviewer": self._reviewer()}

    def _routes(self) -> YamlMembers:
        """Where verdicts lead: the one that was given to what followed, changes that nobody wanted back a step."""
        follows = self.ids[self.place + 1] if self.place + 1 < len(self.ids) else None
        routes: dict[str, Json] = {}
        if follows is not None and self.verdict not in (None, Verdict.APPROVED):
            routes[str(self.verdict)] = follows
        offered = any(verdict is Verdict.CHANGES for verdict, _ in self.question.verdicts)
        if offered and self.place and self.verdict is not Verdict.CHANGES:
            routes[str(Verdict.CHANGES)] = self.ids[self.place - 1]
            return {"verdicts": Commented(routes, "not observed: where changes lead")}
        return {"verdicts": routes} if routes else {}

    def _reviewer(self) -> Json | Commented:
        decision, bounds = self.decision, bounds_of(self.stretches, self.place)
        said = f"assumed; {bounds}" if self.assumed else bounds
        if decision is None:
            return Commented("nobody", "not observed: nobody had decided when the calls ended")
        if decision.verdict is Verdict.TIMED_OUT:
            return Commented("nobody", said)
        vote: dict[str, Json] = {"after": duration_text(self.lasts), "verdict": str(decision.verdict)}
        comment = decision.comment or ("(not observed)" if decision.verdict is Verdict.CHANGES else None)
        vote |= {name: text for name, text in (("by", decision.by), ("comment", comment)) if text}
        return Commented(vote, said)

    def _opening(self, turn: ObservedTurn) -> tuple[str, int]:
        """The gate and its round. Of a wire that names no gates it is the n-th that ended, in the order of facts."""
        if self.question.gate:
            return self.question.gate, self.question.round
        place = sum(each.status is Status.WAITING for each in self.stretches[: self.place])
        return next(iter([*turn.decisions][place:]), ("", 0))

    def _decision(self, turn: ObservedTurn) -> tuple[ObservedDecision | None, bool]:
        """How it ended, and whether that is assumed."""
        question, later = self.question, self.stretches[self.place + 1 :]
        known = turn.decisions.get(self.opening)
        if known is not None or not later:
            return known, False
        following = next((each.glimpse.question for each in later if each.status is Status.WAITING), None)
        again = following is not None and question.gate and following.gate == question.gate
        if again and following is not None and following.round == question.round + 1:
            return ObservedDecision(verdict=Verdict.CHANGES), False
        return ObservedDecision(verdict=_shown_by(later[0].glimpse, later[0].status)), True


def _shown_by(glimpse: Glimpse, status: Status) -> Verdict:
    """The verdict that what follows shows."""
    if not status.final:
        return Verdict.APPROVED
    output = glimpse.output if isinstance(glimpse.output, str) else text_of(glimpse.output)
    texts = f"{glimpse.error or ''} {output[:_LONGEST_LOOK]}"
    shown = next((verdict for verdict, pattern in _VERDICTS if pattern.search(texts)), None)
    return shown or (Verdict.REJECTED if status is Status.ERROR else Verdict.APPROVED)
