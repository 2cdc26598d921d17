"""The strip below the finale: what the turn took, and the follow-ups, which are numbered keys."""

from lab.core.clock import Millis
from lab.tui.panes.keys import React, Reaction, ScreenKey
from lab.tui.panes.pane import View
from lab.tui.rows.blocks import minutes
from lab.tui.rows.letters import block
from lab.tui.rows.spans import BLANK, Row, Rows, backed, cut, fill, hot, row, width, wrap
from lab.tui.state.run import RunState
from lab.tui.state.screen import ScreenState
from lab.tui.state.status import phase
from lab.tui.state.summary import MOST_KEYS, FollowUp, follow_ups, turn_summary


def strip(view: View) -> Rows:
    """The summary, then the follow-ups."""
    lines = strip_rows(view.state, view.columns, blocks=view.rows >= 5)
    tone = "done" if phase(view.run) == "complete" else "bad"
    lines = lines if len(lines) <= view.rows else strip_rows(view.state, view.columns, blocks=False)[: view.rows]
    return tuple(backed(fill(row(("▌", tone), " ", line), view.columns), f"@tint-{tone}") for line in lines)


def strip_rows(state: ScreenState, columns: int, *, blocks: bool) -> list[Row]:
    inner = columns - 4
    asks = _questions(follow_ups(state) if phase(state.run) == "complete" else (), inner)
    big = _big(state.run, inner) if blocks else None
    if big is None:
        return [cut(_words(state.run), inner), *asks]
    return [BLANK, *big, BLANK, *asks]


def _figures(run: RunState) -> list[tuple[str, str, str]]:
    """Figure, what it counts, its colour; a figure that is none is empty."""
    found = turn_summary(run)
    polls = "poll" if found.polls == 1 else "polls"
    if not found.job:
        return [("", "no Job ID", "bad")]
    figures_of = [("1", "Job ID", "fg"), (str(found.polls), polls, "fg")]
    figures_of.append(
        ("", "nobody asked", "dim")
        if found.person is None
        else (*_span(found.person, "of a person" if found.decided else "waited, nobody decided"), "wait")
    )
    return [*figures_of, (*_span(found.agents, "of agents"), "run")]


def _span(span: Millis, what: str) -> tuple[str, str]:
    """`31.2` and `s of a person`; from 100 s on minutes, which need no unit."""
    if span >= 100_000:
        return minutes(span), what
    return f"{span // 1000}.{span % 1000 // 100}", f"s {what}"


def _words(run: RunState) -> Row:
    parts: list[Row] = []
    for figure, label, role in _figures(run):
        unit, _, rest = label.partition(" ") if label.startswith("s ") else ("", "", label)
        strong = " ".join(part for part in (figure, unit) if part)
        plain_role = "fg b" if role == "fg" else "fg" if figure else role
        parts.append(row((f"{strong} " if strong else "", f"{role} b"), (rest, plain_role)))
    return row(" ", *[span for part in parts for span in (part, (" · ", "dim"))][:-1])


def _big(run: RunState, inner: int) -> list[Row] | None:
    """Three rows: the figures in block digits, each before what it counts; None: there is no room."""
    blocks: list[list[Row]] = []
    for figure, label, role in _figures(run):
        lines = block(figure, "small", role) if figure else [BLANK] * 3
        size = max([0, *map(width, lines)])
        name = row(f" {label}" if figure else (label, role))
        blocks.append([*(fill(line, size + width(name)) for line in lines[:2]), row(fill(lines[2], size), name)])
    sizes = [width(block[2]) for block in blocks]
    spare = inner - 2 - sum(sizes)
    if len(blocks) < 2 or spare < 3 * (len(blocks) - 1):
        return None
    gap = " " * min(24, spare // (len(blocks) - 1))
    return [row(" ", *[span for block in blocks for span in (block[at], gap)][:-1]) for at in range(3)]


def _questions(offered: tuple[FollowUp, ...], inner: int) -> list[Row]:
    """The follow-ups side by side, on as many rows as they need; none is cut."""
    lines: list[Row] = []
    line: Row = row(" ")
    for each in offered:
        if each.key:
            face_of = hot(row((f" {each.key} ", "fill b @accent"), f" {each.text}"), f"ask-{each.key}")
        else:
            face_of = row((f"› {each.text}" + ("" if each.answered else " · not in this scenario"), "dim"))
        if width(line) > 1 and width(line) + width(face_of) > inner:
            lines.append(line)
            line = row(" ")
        if width(face_of) > inner - 1:
            *whole, last = wrap(face_of, inner - 1)
            lines += [row(" ", part) for part in whole]
            face_of = last
        line = row(line, face_of, "   ")
    return [*lines, line] if width(line) > 1 else lines


# Its keys


def _follow_up(state: ScreenState, key: str) -> FollowUp | None:
    state = state.in_sight
    if not state.finale or phase(state.run) != "complete" or state.ui.typing:
        return None
    return next((each for each in follow_ups(state) if each.key == key), None)


def focuses(name: str, digit: str, state: ScreenState) -> bool:
    """Whether a pane's digit is for the pane: where a follow-up bears it, it asks that one. A person's own key is no digit."""
    return name in state.ui.faces or _follow_up(state, digit) is None


def pane_digits(state: ScreenState) -> str:
    """The digits that are for panes now, in words; nothing where follow-ups bear them all."""
    free = [digit for digit in "12345" if _follow_up(state, digit) is None]
    return (
        f"{free[0]} to {free[-1]}"
        if len(free) > 1 and int(free[-1]) - int(free[0]) == len(free) - 1
        else " ".join(free)
    )


def _asking(key: str) -> React:
    def react(state: ScreenState) -> Reaction:
        found = _follow_up(state, key)
        if found is None:
            return Reaction()
        return Reaction(state.choose(output="rendered"), lambda source: source.say(found.text))

    return react


def _key(number: str) -> ScreenKey:
    return ScreenKey(
        f"ask-{number}",
        number,
        number,
        f"Ask {number}",
        "ask the follow-up of this number",
        _asking(number),
        lambda state: _follow_up(state, number) is not None,
        needs="message",
        word=lambda state: found.text if (found := _follow_up(state, number)) is not None else f"Ask {number}",
    )


KEYS = tuple(_key(str(number)) for number in range(1, MOST_KEYS + 1))
