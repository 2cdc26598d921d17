"""The status as the hero: its word in block letters, how long the job has been in it, and in one line what that means.

Beside the word from 120 columns on, else below it, and where there is no room for that in the border.
"""

from typing import NamedTuple

from lab.core.clock import Millis, tenths
from lab.core.jsontext import members_of
from lab.program.words import Status
from lab.tui.panes.decision import by_whom, gate_text
from lab.tui.panes.layout import BROAD
from lab.tui.panes.pane import Framed, Kind, View
from lab.tui.rows.blocks import latency, minutes, seconds
from lab.tui.rows.letters import block, tall, wide, zoom_of
from lab.tui.rows.spans import BLANK, Row, TextSpan, cut, ink, row, width
from lab.tui.state.gate import verdict_face
from lab.tui.state.ink import Ink
from lab.tui.state.screen import ScreenState
from lab.tui.state.status import decision_shown, face, meaning, phase, refused_call, role, word

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
    run = state.run
    if run.last is None:
        since = now - (run.job.sent_at if run.job is not None else run.began if run.began is not None else now)
        figure, unit = _span(max(0, since))
        job = run.job is not None and run.job.job is not None
        asks = (
            "no answer has shown the job yet"
            if job
            else f"{state.labels.start} is on its way"
            if run.job
            else "no job yet"
        )
        means = "a call has no answer yet" if run.next_call is None else "the app tries again"
        return HeroText(word(run), role(run), figure, unit, means, asks)
    shown = run.last.status
    since = next((at for status, at in reversed(run.statuses) if status == shown), run.latest)
    figure, unit = _span(max(0, now - since))
    again = sum(status == shown for status, _ in run.statuses) > 1
    means, more = _meaning(state)
    refused = refused_call(run)
    if refused is not None and run.next_call is not None:
        left, unit_left = _span(max(0, run.next_call.until - now))
        unit = f"{unit_left} to the next try"
        return HeroText(shown, face(shown).role, left, unit, "later, not never", "no refusal ends the job", "bad")
    return HeroText(
        shown, face(shown).role, figure, f"{unit} in {shown}{', again' if again else ''}".strip(), means, more
    )


def _span(span: Millis) -> tuple[str, str]:
    """`5.8` and `s`; from 100 s on minutes, which need no unit."""
    return (tenths(span), "s") if span < 100_000 else (minutes(span), "")


def _meaning(state: ScreenState) -> tuple[str, str]:
    run = state.run
    assert run.last is not None
    decision = decision_shown(run)
    client = "the client" if state.source.follows else "the app"
    match meaning(run.last.status):
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


def hero(view: View) -> Framed:
    """The pane while a job is under way."""
    state, run, inner, rows = view.state, view.run, view.inner, view.room
    said = hero_text(state, view.now)
    broad = view.columns >= BROAD
    zoom = zoom_of(said.word, inner - _BESIDE * broad, rows, view.zoom or 2)
    lines = block(said.word, zoom, said.tone) if zoom else [row(ink(said.word, said.tone, bold=True))]
    many = len(lines)
    gap = int(rows > many)
    body: list[Row] = [*[BLANK] * gap, *lines]
    below = told_rows(view.state)
    inside = broad or rows - many >= 6
    top = _border(state)
    if broad:
        body = [*body[:gap], *_beside(said, lines, zoom, inner)]
    elif inside:
        body += [BLANK, *beneath(said)]
    else:
        top = row(
            ink(f"{said.figure} {said.unit}".strip(), said.figure_tone, bold=True), ink(f" · {said.means}", "dim")
        )
    if below and (broad or not inside) and rows - len(body) >= 2:
        spaced = rows - len(body) >= 2 * len(below) + 1
        body.append(BLANK)
        for line in below[: rows - len(body)]:
            body += [cut(line, inner), *([BLANK] if spaced else [])]
    kind: Kind = "need" if phase(run) == "waiting" and run.gate is not None else "bad" if said.tone == "bad" else "work"
    return Framed(body, kind, top)


def _beside(said: HeroText, lines: list[Row], zoom: int, inner: int) -> list[Row]:
    """The word, at its right the figure, and at its foot what it means."""
    size = width(lines[0])
    x = size + (6 if inner - size >= 38 else 3)
    small = (
        zoom_of(said.figure, inner - x - len(said.unit) - 2, len(lines) - 3, max(1, min(2, zoom - 1))) if zoom else 0
    )
    right: list[Row] = [BLANK] * len(lines)
    if small:
        for at, line in enumerate(block(said.figure, small, said.figure_tone)):
            right[at] = line
        right[tall(small) - 1] = row(right[tall(small) - 1], "  ", ink(said.unit, said.figure_tone))
    elif lines:
        right[0] = row(ink(said.figure, said.figure_tone, bold=True), f" {said.unit}")
    if len(lines) >= 3:
        right[-2], right[-1] = row(ink(said.means, bold=True)), row(ink(said.more, "dim"))
    return [
        row(line, " " * (x - size), cut(other, inner - x)) if other else line
        for line, other in zip(lines, right, strict=True)
    ]


def beneath(said: HeroText, zoom: int = 1) -> list[Row]:
    """The figure, and beside its foot what it means."""
    figure = block(said.figure, zoom, said.figure_tone) if wide(said.figure, zoom) else [row(said.figure)] * 4
    texts = (ink(said.unit), ink(""), ink(said.means, bold=True), ink(said.more, "dim"))
    above = [row()] * (len(figure) - len(texts))
    return [row(line, "   ", *text) for line, text in zip(figure, (*above, *((text,) for text in texts)), strict=True)]


def _border(state: ScreenState) -> Row:
    """What stands at the right end of the title: of a gate which it is."""
    run = state.run
    if run.gate is not None:
        return row(ink(f"output null · {gate_text(state, run.gate)}", "dim"))
    if (refused := refused_call(run)) is not None and run.last is not None and run.statuses:
        lasted = max(0, refused.at - run.statuses[-1][1])
        return row(ink(f"{run.last.status} for {seconds(lasted)} · {NULL}", "dim"))
    return row(ink(NULL, "dim"))


def told_rows(state: ScreenState) -> list[Row]:
    """What the agent says, or what was decided or refused; and the last answer."""
    run, last = state.run, state.run.last
    if last is None:
        return []
    found: list[Row] = []
    decision, refused = decision_shown(run), refused_call(run)
    if refused is not None:
        exchange = run.exchange(refused.x) if refused.x is not None else None
        code = f"{refused.code} " if refused.code is not None else ""
        head = members_of(exchange.reply_body.encode()).get("message") if exchange is not None else None
        found.append(
            _named(
                "refused",
                ink(f"✗ {code}", "bad", bold=True),
                ink(f" {latency(refused.took)}   ", "dim"),
                ink(head if isinstance(head, str) and head else refused.word),
            )
        )
    elif decision is not None:
        quote = f"  “{decision.comment}”" if decision.comment else ""
        verdict = verdict_face(decision.verdict)
        job = (run.job.job or "")[:8] if run.job is not None else ""
        by = ink(f" {by_whom(state, decision)}", "dim")
        found.append(
            _named(
                "the answer",
                ink(verdict.word, verdict.role, bold=True),
                by,
                ink("  for ", "dim"),
                ink(job, "run", bold=True),
                ink(quote),
            )
        )
    elif last.progress:
        found.append(_named("the agent says", ink(last.progress)))
    output = "null" if last.output is None else f"{last.size} B"
    found.append(
        _named(
            "last answer",
            ink(f"← {last.code}  ", "done", bold=True),
            ink(f"{latency(last.took)}  ", "dim"),
            ink("status ", "dim"),
            ink(last.status, face(last.status).role, bold=True),
            ink("  output ", "dim"),
            ink(output),
            ink("  error ", "dim"),
            ink(last.error or "null"),
        )
    )
    return found


def _named(name: str, *parts: TextSpan) -> Row:
    return row(ink(f"{name:<{_NAMES}}", "dim"), *parts)
