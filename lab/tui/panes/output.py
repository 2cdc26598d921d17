"""The Output pane, which has the stage: the story, then the status as the hero, then what the job brought.

The hero is the status word in block letters, how long the job has been in it, and in one line what that means: beside the
word from 120 columns on, else below it, and where there is no room for that in the border.
"""

from typing import NamedTuple

from lab.core.clock import Millis
from lab.core.jsontext import members_of
from lab.program.words import Status
from lab.tui.panes.approval import answer_sent, by_whom, gate_text
from lab.tui.panes.keys import Reaction
from lab.tui.panes.layout import BROAD
from lab.tui.panes.pane import PaneFact, View
from lab.tui.panes.search import marked
from lab.tui.rows import formats
from lab.tui.rows.blocks import Kind, figure_of, latency, paragraph, seconds, status_row
from lab.tui.rows.formats import markdown
from lab.tui.rows.letters import block, tall, wide, zoom_of
from lab.tui.rows.spans import BLANK, Row, cut, ink, row, width, wrap
from lab.tui.state.gate import verdict_face
from lab.tui.state.ink import Ink
from lab.tui.state.run import LastStatus, RunState
from lab.tui.state.screen import OutputView, ScreenState
from lab.tui.state.status import cancelled, decision_shown, face, meaning, phase, refused_call, role, word

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
    elif cancelled(run):
        body += [row(("cancelled", "dim")), row("The job left no answer." if last.output is None else "The job left:")]
    elif run.outcome is not None and run.outcome.why:
        body += [row(("the run stopped", "dim")), *paragraph(run.outcome.why, "bad b", inner)]
    return [*body, *([BLANK, row(("partial output", "wait")), *done] if last.output else [])]


def next_output_view(state: ScreenState) -> Reaction:
    following = FORMS[(FORMS.index(state.ui.output) + 1) % len(FORMS)]
    return Reaction(state.choose(output=following, scrolled=state.unscrolled("output")))


# The status as the hero

NULL = "output null until COMPLETE"
_NAMES = 18
"""Columns of the names of the rows below."""
_BESIDE = 24
"""Columns that are left beside the word."""


class HeroText(NamedTuple):
    """The status as it is read: its word, a figure with its unit, what it means, and more about that."""

    word: str
    tone: Ink
    figure: str
    unit: str
    means: str
    more: str
    figure_tone: Ink = "fg"


def hero_text(state: ScreenState, now: Millis) -> HeroText:
    """What the hero says of the run."""
    run, job = state.run, state.run.job
    if run.last is None:
        began = now if run.began is None else run.began
        asks = f"{state.labels.start} is on its way" if job is not None else "no job yet"
        if job is not None and job.job is not None:
            asks = "no answer has shown the job yet"
        means = "a call has no answer yet" if run.next_call is None else "the app tries again"
        return HeroText(word(run), role(run), *figure_of(now - (began if job is None else job.sent_at)), means, asks)
    shown, tone = run.last.status, face(run.last.status).role
    if (call := refused_call(run)) is not None and run.next_call is not None:
        left, unit = figure_of(run.next_call.until - now)
        said, more = "the app asks again", "no failed call ends the job"
        if call.refused:
            said, more = "later, not never", "no refusal ends the job"
        return HeroText(shown, tone, left, f"{unit} to the next try", said, more, "bad")
    since = next((at for status, at in reversed(run.statuses) if status == shown), run.latest)
    figure, unit = figure_of(now - since)
    again = ", again" if sum(status == shown for status, _ in run.statuses) > 1 else ""
    return HeroText(shown, tone, figure, f"{unit} in {shown}{again}".strip(), *_meaning(state))


def _meaning(state: ScreenState) -> tuple[str, str]:
    run, decision = state.run, decision_shown(state.run)
    client = "the client" if state.source.follows else "the app"
    match meaning(run.last.status) if run.last is not None else None:
        case Status.WAITING if decision is not None and decision.ends:
            return "the decision is taken", f"{client}'s next poll tells"
        case Status.WAITING if run.gate is None:
            return "the job waits by itself", "nobody has to decide"
        case Status.WAITING:
            return "a person must decide", "polling goes on, nothing is held open"
        case None:
            return "unknown, not final", f"{client} goes on polling"
        case _ if run.decisions:
            return "the agents go on", "same Job ID, nobody is connected"
        case _:
            return "the agents are at work", "nobody is connected meanwhile"


def hero(view: View) -> PaneFact:
    """The pane while a job is under way."""
    state, run, inner, rows = view.state, view.run, view.inner, view.room
    said, broad = hero_text(state, view.now), view.columns >= BROAD
    zoom = zoom_of(said.word, inner - _BESIDE * broad, rows, view.zoom or 2)
    lines = block(said.word, zoom, said.tone) if zoom else [row(ink(said.word, said.tone, bold=True))]
    top, below = _border(state), told_rows(state)
    body: list[Row] = [BLANK] * (rows > len(lines))
    if broad:
        body += _beside(said, lines, zoom, inner)
    elif rows - len(lines) >= 6:
        body += [*lines, BLANK, *beneath(said)]
        below = []
    else:
        body += lines
        figure = ink(f"{said.figure} {said.unit}".strip(), said.figure_tone, bold=True)
        top = row(figure, ink(f" · {said.means}", "dim"))
    room = rows - len(body)
    if below and room >= 2:
        spaced = [BLANK] * (room >= 2 * len(below) + 1)
        body += [BLANK, *(each for line in below[:room] for each in (cut(line, inner), *spaced))]
    kind: Kind = "need" if phase(run) == "waiting" and run.gate is not None else "bad" if said.tone == "bad" else "work"
    return PaneFact(kind, body, top)


def _beside(said: HeroText, lines: list[Row], zoom: int, inner: int) -> list[Row]:
    """The word, at its right the figure, and at its foot what it means."""
    size = width(lines[0])
    x = size + (6 if inner - size >= 38 else 3)
    right: list[Row] = [BLANK] * len(lines)
    room = inner - x - len(said.unit) - 2
    small = zoom_of(said.figure, room, len(lines) - 3, max(1, min(2, zoom - 1))) if zoom else 0
    if small:
        right[: tall(small)] = block(said.figure, small, said.figure_tone)
        right[tall(small) - 1] = row(right[tall(small) - 1], "  ", ink(said.unit, said.figure_tone))
    else:
        right[0] = row(ink(said.figure, said.figure_tone, bold=True), f" {said.unit}")
    if len(lines) >= 3:
        right[-2:] = row((said.means, "fg b")), row((said.more, "dim"))
    pairs = zip(lines, right, strict=True)
    return [row(line, " " * (x - size), cut(other, inner - x)) if other else line for line, other in pairs]


def beneath(said: HeroText, zoom: int = 1) -> list[Row]:
    """The figure, and beside its foot what it means."""
    figure = block(said.figure, zoom, said.figure_tone) if wide(said.figure, zoom) else [row(said.figure)] * 4
    texts = [row(said.unit), BLANK, row((said.means, "fg b")), row((said.more, "dim"))]
    texts = [*[BLANK] * (len(figure) - len(texts)), *texts]
    return [row(line, "   ", text) for line, text in zip(figure, texts, strict=True)]


def _border(state: ScreenState) -> Row:
    """What stands at the right end of the title: of a gate which it is."""
    run = state.run
    if run.gate is not None:
        return row((f"output null · {gate_text(state, run.gate)}", "dim"))
    if (refused := refused_call(run)) is not None and run.last is not None and run.statuses:
        lasted = max(0, refused.at - run.statuses[-1][1])
        return row((f"{run.last.status} for {seconds(lasted)} · {NULL}", "dim"))
    return row((NULL, "dim"))


def told_rows(state: ScreenState) -> list[Row]:
    """What the agent says, or what was decided or refused; and the last answer."""
    run, last = state.run, state.run.last
    if last is None:
        return []
    found: list[Row] = []
    decision, refused = decision_shown(run), refused_call(run)
    if refused is not None:
        exchange = run.exchange(refused.x) if refused.x is not None else None
        head = members_of(exchange.reply_body.encode()).get("message") if exchange is not None else None
        code = f"✗ {refused.code} " if refused.code is not None else "✗ "
        why = head if isinstance(head, str) and head else refused.word
        found.append(
            row(
                _name("refused" if refused.refused else "failed"),
                (code, "bad b"),
                (f" {latency(refused.took)}   ", "dim"),
                why,
            )
        )
    elif decision is not None:
        verdict, job = verdict_face(decision.verdict), (run.job.job or "")[:8] if run.job is not None else ""
        answer = ink(answer_sent(run, decision)[2], verdict.role, bold=True)
        quote = f"  “{decision.comment}”" if decision.comment else ""
        found.append(
            row(_name("the answer"), answer, (f" {by_whom(state, decision)}  for ", "dim"), (job, "run b"), quote)
        )
    elif last.progress:
        found.append(row(_name("the agent says"), last.progress))
    output, status = "null" if last.output is None else f"{last.size} B", face(last.status).role
    came = row((f"← {last.code}  ", "done b"), (f"{latency(last.took)}  status ", "dim"))
    shows = row(("  output ", "dim"), output, ("  error ", "dim"), last.error or "null")
    return [*found, row(_name("last answer"), came, ink(last.status, status, bold=True), shows)]


def _name(text: str) -> Row:
    return row((f"{text:<{_NAMES}}", "dim"))
