"""The Output pane, which has the stage: the story, then the status as the hero, then what the job brought."""

from lab.program.words import Status
from lab.tui.panes.hero import hero
from lab.tui.panes.keys import Reaction, ScreenKey
from lab.tui.panes.pane import Framed, Kind, Pane, View, last_of
from lab.tui.panes.search import marked
from lab.tui.rows import formats
from lab.tui.rows.blocks import paragraph, status_row
from lab.tui.rows.curl import first_curl
from lab.tui.rows.markdown import markdown
from lab.tui.rows.spans import BLANK, Row, row, wrap
from lab.tui.state.run import LastStatus, RunState
from lab.tui.state.screen import ScreenState
from lab.tui.state.status import meaning, phase

FORMS = ("rendered", "raw", "body")
"""What the key goes through: the output as a person reads it, the string itself, the whole status body."""


def _kind(run: RunState) -> Kind:
    here = phase(run)
    if here == "complete":
        return "done"
    return "bad" if here == "error" and run.job is not None and run.job.job is not None else "coming"


def _framed(view: View) -> Framed:
    """`view.top` rows of a long output are scrolled away."""
    state, run = view.state, view.run
    if at_work(run) and not (run.last is not None and state.ui.output == "body"):
        return hero(view)
    body = marked(content(view), state.ui)
    over = max(0, len(body) - view.room)
    top = max(0, min(view.top, over))
    beside = "" if state.ui.output == "rendered" or run.last is None else f"{state.ui.output} · o"
    status = row((f"↓ {over - top} more", "dim")) if over > top else _status(run)
    return Framed(body[top:], _kind(run), status, beside)


def at_work(run: RunState) -> bool:
    """Whether nothing is brought yet, but something is under way."""
    return phase(run) != "idle" and (_kind(run) == "coming" or run.last is None)


def _status(run: RunState) -> Row:
    kind = _kind(run)
    if run.last is None or kind == "coming":
        return ()
    return status_row(run.last.status) if kind == "bad" else row((_size(run.last), "done"))


def _size(last: LastStatus) -> str:
    return f"{formats.kind(last.output)} · {last.size} B"


def content(view: View) -> list[Row]:
    """Every row of the pane, more than fit if the output is longer."""
    run, last, form, inner, rows = view.run, view.run.last, view.state.ui.output, view.inner, view.room
    if last is not None and form == "body":
        return list(formats.document(last.body, inner))
    if phase(run) == "idle":
        return _before(view.state, inner)
    if last is None or _kind(run) == "coming":
        return []
    done = _done(last, form, inner, signs=not view.state.colours)
    body = _failed(run, last, inner, done) if _kind(run) == "bad" else done
    return without_blanks(body, rows)


def without_blanks(body: list[Row], rows: int) -> list[Row]:
    """Without so many blank rows as keep it from fitting; all of them stay in a body that is too long anyway."""
    over = len(body) - rows
    blanks = [at for at, line in enumerate(body) if not line]
    if not 0 < over <= len(blanks):
        return body
    dropped = set(blanks[-1:] + blanks[: over - 1])
    return [line for at, line in enumerate(body) if at not in dropped]


def _before(state: ScreenState, inner: int) -> list[Row]:
    """The story of the scenario, and what the run will say."""
    scenario = state.source.scenario
    body: list[Row] = []
    if state.uncalled:
        return _where_to_call(state, inner)
    if scenario is not None:
        story = scenario.story or scenario.shows
        body += [*wrap(row((scenario.title, "fg b")), inner), BLANK]
        body += [*markdown(story, inner), BLANK] if story else []
        body += [*wrap(row(("asks  ", "dim"), state.source.message or scenario.message), inner), BLANK]
    return body[:-1]


def _where_to_call(state: ScreenState, inner: int) -> list[Row]:
    """What a client needs, and a first call to copy."""
    key = state.ui.faces.get("copy", "y")
    body = wrap(row(("No client has called yet. ", "fg b"), (key, "wait b"), " copies what one needs:"), inner)
    body.append(BLANK)
    for name, url in (("base URL", state.source.base), ("token URL", state.source.token_url)):
        body += [row((name, "dim")), *[row("  ", part) for part in wrap(row((url, "run")), inner - 2)]]
    body.append(row(("a first call", "dim")))
    for text in first_curl(state.source.token_url).split("\n"):
        tone = "dim" if text.startswith("#") else "fg"
        body += [row("  ", part) for part in wrap(row((text, tone)), inner - 2)]
    return body


def _done(last: LastStatus, form: str, inner: int, *, signs: bool) -> list[Row]:
    shown = formats.raw(last.output, inner) if form == "raw" else formats.rendered(last.output, inner, signs=signs)
    body = list(shown)
    if last.follow_up:
        body += [BLANK, row((last.follow_up_label, "dim"))]
        for question in last.follow_up:
            parts = wrap(row(question), inner - 2)
            body.append(row(("› ", "accent"), parts[0]))
            body += [row("  ", part) for part in parts[1:]]
    return body


def _failed(run: RunState, last: LastStatus, inner: int, done: list[Row]) -> list[Row]:
    body: list[Row] = []
    if meaning(last.status) is Status.ERROR:
        body += [row(("error", "dim"))]
        body += [line for text in (last.error or "null").split("\n") for line in paragraph(text, "bad b", inner)]
    elif run.outcome is not None and run.outcome.why:
        body += [row(("the run stopped", "dim")), *paragraph(run.outcome.why, "bad b", inner)]
    if last.output:
        body += [BLANK, row(("partial output", "wait")), *done]
    return body


def _next_form(state: ScreenState) -> Reaction:
    following = FORMS[(FORMS.index(state.ui.output) + 1) % len(FORMS)]
    return Reaction(state.choose(output=following, scrolled=state.unscrolled("output")))


KEYS = (
    ScreenKey(
        "output-view", "o", "o", "Output view", "output rendered, raw, whole status body", _next_form,
        lambda state: state.newest.last is not None, why="There is no output yet.",
        bar=lambda state: 8 if state.source.follows or state.newest.ended is not None else 0,
    ),
)  # fmt: skip

OUTPUT_PANE = Pane(
    "output",
    "4",
    "Output",
    _framed,
    lambda state: last_of(state, "status"),
    "stage",
    timed=True,
    scrolls=1,
    help_keys="o ↑ pgup enter z",
    keys=KEYS,
)
