"""What delegates hand back, as the texts and conditions behind them see it.

A delegate is work that another agent does, and its output is a text of its own. It is rendered when somebody looks at it:
of the decisions before its step was entered, of what other delegates had handed back by then, and without `now`. So it is
the same whoever asks, and a condition may look at it.

What must hold
    1. A walk keeps no text, only which visits ended, in order (`DelegateEnd`). It only grows at its end, and an entry says
       how much of it, and of the decisions, its own output sees: less than itself, so no output is made of itself.
    2. `delegates.ID.output` is that of the latest visit which ended: the empty text before, and after a visit that was left.
    3. Outputs are rendered oldest first. A loop makes one of a thousand others, and none waits for another on the stack.

An example: `draft` hands back `{{ message }}!`, `check` hands back `{{ delegates.draft.output }} ok`; a gate sends both round

    index   step    visit   sees of the decisions, of the ends      output
    0       draft   0       0, 0                                    go!
    1       check   0       0, 1                                    go! ok
    2       draft   1       1, 2                                    go!
"""

from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct

from lab.jobs.gates import Decision
from lab.jobs.outputs import Writer, output_text
from lab.jobs.plan import Plan
from lab.language.templates import RenderFailure, template
from lab.program.steps import Delegate, output_templates

LONGEST_HANDED_BACK = 64 * 1024
"""What a delegate may hand back, in characters."""


class DelegateEnd(Struct, frozen=True):
    """The end of one visit to a delegate."""

    step: str
    visit: int
    decided: int
    """How many decisions its output sees."""
    known: int
    """How many ends before it its output sees."""
    left: bool = False
    """Whether others went on without it: it handed nothing back."""


class DelegateOutputs(Mapping[str, object]):
    """By delegate `output`, rendered once somebody looks.

    `others` gives what else is seen once these decisions were taken.
    """

    def __init__(
        self,
        plan: Plan,
        settled: tuple[Decision, ...],
        ends: tuple[DelegateEnd, ...],
        others: Callable[[tuple[Decision, ...]], Mapping[str, object]],
    ) -> None:
        self._plan = plan
        self._settled = settled
        self._ends = ends
        self._others = others
        self._texts: dict[int, str | None | RenderFailure] = {}

    def __getitem__(self, step: str) -> object:
        if not isinstance(self._plan.compiled.steps.get(step), Delegate):
            raise KeyError(step)
        place = self._latest(step, len(self._ends))
        return {"output": "" if place is None else self.text(place) or ""}

    def __iter__(self) -> Iterator[str]:
        return (name for name, step in self._plan.compiled.steps.items() if isinstance(step, Delegate))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def text(self, place: int) -> str | None:
        """What the end at that place handed back; RenderFailure if it can't be written."""
        for each in self._needed(place):
            self._texts[each] = self._rendered(each)
        text = self._texts[place]
        if isinstance(text, RenderFailure):
            raise RenderFailure(str(text))
        return text

    def _latest(self, step: str, known: int) -> int | None:
        return next((place for place in reversed(range(known)) if self._ends[place].step == step), None)

    def _needed(self, place: int) -> list[int]:
        """The ends of which the output at a place is made and that aren't rendered yet, with itself, oldest first."""
        found: set[int] = set()
        ahead = [place]
        while ahead:
            each = ahead.pop()
            if each not in found and each not in self._texts:
                found.add(each)
                end = self._ends[each]
                before = (self._latest(step, end.known) for step in self._looked_at(end))
                ahead += [other for other in before if other is not None]
        return sorted(found)

    def _looked_at(self, end: DelegateEnd) -> Iterator[str]:
        if end.left:
            return
        for _, text in output_templates(self._step(end).output):
            for _, (root, *more) in template(text).looked_up:
                if root == "delegates":
                    yield from more[:1] or self

    def _step(self, end: DelegateEnd) -> Delegate:
        step = self._plan.compiled.steps[end.step]
        assert isinstance(step, Delegate)
        return step

    def _rendered(self, place: int) -> str | None | RenderFailure:
        end = self._ends[place]
        if end.left:
            return None
        settled = self._settled[: end.decided]
        before = DelegateOutputs(self._plan, settled, self._ends[: end.known], self._others)
        before._texts = self._texts
        write = Writer(lambda: {**self._others(settled), "delegates": before})
        try:
            text = output_text(self._step(end).output, self._plan.compiled.files, write)
        except RenderFailure as failure:
            return failure
        if text is not None and len(text) > LONGEST_HANDED_BACK:
            return RenderFailure(f"what {end.step} hands back is longer than {LONGEST_HANDED_BACK} characters")
        return text
