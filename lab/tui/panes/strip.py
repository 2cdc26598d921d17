"""The strip below the finale: what the turn took, and the follow-ups, which are numbered keys."""

from typing import NamedTuple

from lab.core.clock import Millis, tenths
from lab.tui.panes.keys import React, Reaction, ScreenKey
from lab.tui.panes.pane import View
from lab.tui.rows.blocks import minutes, tinted
from lab.tui.rows.letters import block, tall, wide
from lab.tui.rows.spans import BLANK, Row, Rows, cut, fill, hot, ink, row, width, words, wrap
from lab.tui.state.course import MOST_KEYS, FollowUp, follow_ups, turn_summary
from lab.tui.state.ink import Ink
from lab.tui.state.run import RunState
from lab.tui.state.screen import ScreenState
from lab.tui.state.status import phase


def strip(view: View) -> Rows:
    """The summary, then the follow-ups."""
    lines = strip_rows(view.state, view.columns, blocks=view.rows >= 5)
    tone: Ink = "done" if phase(view.run) == "complete" else "bad"
    lines = lines if len(lines) <= view.rows else strip_rows(view.state, view.columns, blocks=False)[: view.rows]
    return tinted(lines, tone, view.columns)


def strip_rows(state: ScreenState, columns: int, *, blocks: bool) -> list[Row]:
    """What the conversation took in four figures, and the follow-ups."""
    inner = columns - 6
    asks = _questions(follow_ups(state) if phase(state.run) == "complete" else (), inner)
    figures = _figures(state.run)
    big = _big(figures, inner) if blocks else None
    if big is None:
        return [cut(_words(figures), inner), *asks]
    return [BLANK, *big, BLANK, *asks]


class Figure(NamedTuple):
    """A figure (empty: it is none), what it counts, its colour."""

    text: str
    label: str
    tone: Ink


def _figures(run: RunState) -> list[Figure]:
    turns = [turn_summary(turn) for turn in (*run.past, run)]
    jobs, polls = sum(each.job for each in turns), sum(each.polls for each in turns)
    if not jobs:
        return [Figure("", "no Job ID", "bad")]
    person = [each.person for each in turns if each.person is not None]
    survived = sum(each.kind in ("refused", "fault") for turn in (*run.past, run) for each in turn.milestones)
    found = [
        Figure(str(jobs), "Job ID" if jobs == 1 else "Job IDs", "fg"),
        Figure(str(polls), "poll" if polls == 1 else "polls", "fg"),
    ]
    if person:
        decided = any(each.decided for each in turns if each.person is not None)
        found.append(Figure(*_span(sum(person), "of a person" if decided else "waited, nobody decided"), "wait"))
    elif survived:
        found.append(Figure(str(survived), "refusal survived" if survived == 1 else "refusals survived", "bad"))
    else:
        found.append(Figure("0", "decisions", "dim"))
    return [*found, Figure(*_span(sum(each.agents for each in turns), "of agents"), "run")]


def _span(span: Millis, what: str) -> tuple[str, str]:
    """`31.2` and `s of a person`; from 100 s on minutes, which need no unit."""
    if span >= 100_000:
        return minutes(span), what
    return tenths(span), f"s {what}"


def _words(figures: list[Figure]) -> Row:
    parts: list[Row] = []
    for figure, label, tone in figures:
        unit, _, rest = label.partition(" ") if label.startswith("s ") else ("", "", label)
        strong = " ".join(part for part in (figure, unit) if part)
        parts.append(row(ink(f"{strong} " if strong else "", tone, bold=True), ink(rest, "fg" if figure else tone)))
    return row(*[span for part in parts for span in (part, (" · ", "dim"))][:-1])


def _big(figures: list[Figure], inner: int) -> list[Row] | None:
    """The figures in block letters at the quarters of the width, each before what it counts; None: there is no room."""
    quarter, lines = (inner + 2) // len(figures), [row()] * tall(1)
    for number, (figure, label, tone) in enumerate(figures):
        size = wide(figure, 1)
        labels = wrap(row(label), max(1, quarter - size - 2)) if size else []
        if not size or len(labels) > 2 or max(words(row(label))) > quarter - size - 2:
            return None
        labels = [*[BLANK] * (tall(1) - len(labels)), *labels]
        for at, line in enumerate(block(figure, 1, tone)):
            lines[at] = row(fill(lines[at], number * quarter), line, " ", labels[at])
    return lines


def _questions(offered: tuple[FollowUp, ...], inner: int) -> list[Row]:
    """The follow-ups side by side, on as many rows as they need; none is cut."""
    lines: list[Row] = []
    line: Row = row()
    for each in offered:
        if each.key:
            face_of = hot(row((f" {each.key} ", "fill b @accent"), f" {each.text}"), f"ask-{each.key}")
        else:
            face_of = row((f"› {each.text}" + ("" if each.answered else " · not in this scenario"), "dim"))
        if line and width(line) + width(face_of) > inner:
            lines.append(line)
            line = row()
        if width(face_of) > inner:
            *whole, last = wrap(face_of, inner)
            lines += whole
            face_of = last
        line = row(line, face_of, "   ")
    return [*lines, line] if line else lines


# Its keys


def _follow_up(state: ScreenState, key: str) -> FollowUp | None:
    state = state.in_sight
    if not state.finale or phase(state.run) != "complete":
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


def no_question(state: ScreenState) -> str:
    """Why a digit does nothing."""
    digits = pane_digits(state)
    if any(each.key for each in follow_ups(state)) and state.in_sight.finale:
        return "There is no follow-up of this number." + (f" {digits} for a pane." if digits else "")
    return f"{digits} for a pane; at the end each follow-up shows the digit that asks it."


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
        why=no_question,
        series="ask a follow-up",
    )


KEYS = tuple(_key(str(number)) for number in range(1, MOST_KEYS + 1))
