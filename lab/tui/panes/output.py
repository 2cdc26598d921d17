"""The Output pane, which has the stage: the story, then the status as the hero, then what the job brought."""

from lab.program.words import Status
from lab.tui.panes.hero import hero
from lab.tui.panes.keys import Reaction
from lab.tui.panes.pane import PaneFact, View
from lab.tui.panes.search import marked
from lab.tui.rows import formats
from lab.tui.rows.blocks import Kind, paragraph, status_row
from lab.tui.rows.markdown import markdown
from lab.tui.rows.spans import BLANK, Row, row, wrap
from lab.tui.state.run import LastStatus, RunState
from lab.tui.state.screen import OutputView, ScreenState
from lab.tui.state.status import meaning, phase

FORMS: tuple[OutputView, ...] = ("rendered", "raw", "body")
"""What the key goes through: the output as a person reads it, the string itself, the whole status body."""


def _kind(run: RunState) -> Kind:
    here = phase(run)
    if here == "complete":
        return "done"
    return "bad" if here == "error" and run.job is not None and run.job.job is not None else "coming"


def output_fact(view: View) -> PaneFact:
    """`view.top` rows of a long output are scrolled away."""
    state, run, last, kind = view.state, view.run, view.run.last, _kind(view.run)
    under_way = phase(run) != "idle" and (kind == "coming" or last is None)
    if under_way and not (last is not None and state.ui.output == "body"):
        return hero(view)
    body = marked(content(view), state.ui)
    over = max(0, len(body) - view.room)
    top = max(0, min(view.top, over))
    beside = "" if state.ui.output == "rendered" or last is None else f"{state.ui.output} · o"
    status: Row = ()
    if over > top:
        status = row((f"↓ {over - top} more", "dim"))
    elif last is not None and kind != "coming":
        text = f"{formats.kind(last.output)} · {last.size} B"
        status = status_row(last.status) if kind == "bad" else row((text, "done"))
    return PaneFact(kind, body[top:], status, beside=beside)


def content(view: View) -> list[Row]:
    """Every row of the pane, more than fit if the output is longer."""
    run, last, form, inner = view.run, view.run.last, view.state.ui.output, view.inner
    if last is not None and form == "body":
        return list(formats.document(last.body, inner))
    if phase(run) == "idle":
        return _before(view.state, inner)
    if last is None or _kind(run) == "coming":
        return []
    body = list(
        formats.raw(last.output, inner)
        if form == "raw"
        else formats.rendered(last.output, inner, signs=not view.state.colours)
    )
    if last.follow_up:
        body += [BLANK, row((run.labels.follow_up, "dim"))]
        body += [
            row(("› " if not at else "  ", "accent"), part)
            for question in last.follow_up
            for at, part in enumerate(wrap(row(question), inner - 2))
        ]
    return without_blanks(_failed(run, last, inner, body) if _kind(run) == "bad" else body, view.room)


def without_blanks(body: list[Row], rows: int) -> list[Row]:
    """Without so many blank rows as keep it from fitting; all of them stay in a body that is too long anyway."""
    over = len(body) - rows
    blanks = [at for at, line in enumerate(body) if not line]
    if not 0 < over <= len(blanks):
        return body
    dropped = {*blanks[-1:], *blanks[: over - 1]}
    return [line for at, line in enumerate(body) if at not in dropped]


def _before(state: ScreenState, inner: int) -> list[Row]:
    """The story of the scenario, and what the run will say."""
    scenario = state.source.scenario
    if scenario is None:
        return []
    story, asks = scenario.story or scenario.shows, state.source.message or scenario.message
    lines = [*markdown(story, inner), BLANK] if story else []
    return [*wrap(row((scenario.title, "fg b")), inner), BLANK, *lines, *wrap(row(("asks  ", "dim"), asks), inner)]


def _failed(run: RunState, last: LastStatus, inner: int, done: list[Row]) -> list[Row]:
    body: list[Row] = []
    if meaning(last.status) is Status.ERROR:
        errors = (last.error or "null").split("\n")
        body += [row(("error", "dim")), *(line for text in errors for line in paragraph(text, "bad b", inner))]
    elif run.outcome is not None and run.outcome.why:
        body += [row(("the run stopped", "dim")), *paragraph(run.outcome.why, "bad b", inner)]
    return [*body, *([BLANK, row(("partial output", "wait")), *done] if last.output else [])]


def next_output_view(state: ScreenState) -> Reaction:
    following = FORMS[(FORMS.index(state.ui.output) + 1) % len(FORMS)]
    return Reaction(state.choose(output=following, scrolled=state.unscrolled("output")))
