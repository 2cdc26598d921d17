"""The lists over the panes: commands by name, scenarios, what can be copied, and what can go wrong on the wire."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from msgspec import Struct
from rich.cells import cell_len

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.tui.panes.band import planned_row
from lab.tui.panes.keys import ListEntry, ListPage, Reaction, ScreenKey
from lab.tui.panes.registry import PANES, exchange_in_focus
from lab.tui.rows.blocks import span_text
from lab.tui.rows.curl import curl, first_curl
from lab.tui.rows.formats import markdown
from lab.tui.rows.spans import BLANK, Row, clip, cut, ink, row, width, wrap
from lab.tui.state.course import CourseStep, planned_course
from lab.tui.state.ink import Ink
from lab.tui.state.run import USUAL_LABELS
from lab.tui.state.screen import ScenarioChoice, ScreenState


def palette(commands: Sequence[ListEntry]) -> ListPage:
    """The commands that were offered when it was opened; enter does what is chosen."""
    return ListPage(
        "ctrl+p", "PALETTE", "↑ ↓   enter does it   esc", lambda state, inner: list(commands),
        hint="every command by name · type to find", none_left="no command has these words",
    )  # fmt: skip


def palette_entries(
    state: ScreenState, keys: Sequence[ScreenKey], press: Callable[[ScreenKey], object]
) -> list[ListEntry]:
    """What these keys do, by name; once the palette is closed `press` does it."""
    named = [(key, key.label_in(state)) for key in keys if not key.silent]
    names = max((len(name) for _, name in named), default=0)
    return [
        ListEntry(
            name,
            row(f" {name:<{names}} "),
            row(ink(f" {key.help}", "dim")),
            lambda _, key=key: Reaction(close=True, run=lambda: press(key)),  # type: ignore[misc]  # bound now
            right=row(ink(f"{key.face} ", "wait", bold=True)),
        )
        for key, name in named
    ]


# What can be copied to the terminal's clipboard, each piece by a key of its own

HINT = "The terminal's clipboard gets it (OSC 52): not every terminal has one, and tmux only with set-clipboard on."


class CopiedText(Struct, frozen=True):
    """One piece: the key that copies it, what it is, and the text."""

    key: str
    name: str
    text: str


def copied_texts(state: ScreenState) -> list[CopiedText]:
    """All that there is to copy, masked as it shows: of a token its beginning and its end."""
    state = state.in_sight
    run, last, source = state.run, state.run.last, state.source
    exchange = exchange_in_focus(state) or next(reversed(run.exchanges), None)
    output = (last.output or "") if last is not None else ""
    whole = last is None or len(output.encode()) >= last.size
    found = [
        CopiedText("j", state.labels.job, (run.job.job or "") if run.job is not None else ""),
        CopiedText("t", "token, masked", (run.token.token or "") if run.token is not None else ""),
        CopiedText("o", "output" if whole else "output, its beginning", output),
        CopiedText("e", "error", (last.error or "") if last is not None else ""),
        CopiedText("b", "status body", last.body if last is not None else ""),
        CopiedText("c", "a first call as curl", first_curl(source.token_url) if source.token_url else "")
        if exchange is None
        else CopiedText("c", f"{exchange.route} as curl", curl(exchange, source.base, source.token_url)),
        CopiedText("u", "base URL", source.base),
        CopiedText("k", "token URL", source.token_url),
    ]
    return [each for each in found if each.text]


def _looked_at(state: ScreenState) -> str:
    pane = state.ui.focus or ("output" if state.in_sight.finale else "job")
    whole = pane == "output" and state.ui.output == "body"
    return "c" if state.uncalled else "b" if whole else next(each.copies for each in PANES if each.name == pane)


def _piece(piece: CopiedText, state: ScreenState) -> ListEntry:
    said = f"Copied: {piece.name}, {len(piece.text)} characters."
    beginning = " ".join(piece.text[:200].split())
    return ListEntry(
        piece.key,
        row((f" {piece.key}  ", "wait b"), f"{piece.name:<22} "),
        row((f" {beginning}", "dim")),
        lambda key: Reaction(copy=piece.text, close=True, ui=state.choose(remark=said)),
        more=lambda inner, rows: wrap(row((HINT, "dim")), inner),
    )


COPY_MENU = ListPage(
    "y", "COPY", "its key, or ↑ ↓ and enter or y · esc",
    lambda state, inner: [_piece(each, state) for each in copied_texts(state)], _looked_at, keys=("y",),
)  # fmt: skip


# Faults: what is armed, what can be armed, and where the chosen one would strike


class FaultOffer(Struct, frozen=True):
    """A fault that the menu offers: in the language's own words, and what the peer will observe."""

    word: str
    effect: str
    fault: Mapping[str, Json] = {}
    routes: tuple[str, ...] = ("status", "invoke", "token")
    """Where it may strike, the usual place first."""

    def at(self, route: str) -> dict[str, Json]:
        """As a scenario writes it: the next call of the route."""
        return {"route": route, **self.fault}


_JOB, _JOBS = USUAL_LABELS.job, ("status", "invoke")
FAULT_OFFERS = (
    FaultOffer("answer 401", "the token is refused, once", {"answer": 401}),
    FaultOffer("answer 403", "forbidden", {"answer": 403}),
    FaultOffer("answer 404", "not found", {"answer": 404}),
    FaultOffer("answer 429", "too many requests, Retry-After: 2", {"answer": 429, "retry_after": "2s"}),
    FaultOffer("answer 429 bare", "too many requests, no Retry-After", {"answer": 429}),
    FaultOffer("answer 500", "an error of the server", {"answer": 500}),
    FaultOffer("answer 502 html", "a gateway's HTML page", {"answer": 502, "body": "html"}),
    FaultOffer("answer 503", "unavailable, Retry-After: 2", {"answer": 503, "retry_after": "2s"}),
    FaultOffer("answer 504", "a gateway gave up", {"answer": 504}),
    FaultOffer("answer 200 html", "a login page in place of the answer", {"answer": 200, "body": "html"}),
    FaultOffer("strike reset", "the connection is reset", {"strike": "reset"}),
    FaultOffer("strike empty", "the connection ends without a reply", {"strike": "empty"}),
    FaultOffer("strike truncate", "the body stops half-way", {"strike": "truncate"}),
    FaultOffer("strike garbage", "garbage after the headers", {"strike": "garbage"}),
    FaultOffer("strike stall", "headers, then silence", {"strike": "stall"}),
    FaultOffer("strike slow-body", "the body drips", {"strike": "slow-body"}),
    FaultOffer("strike hang", "no byte ever comes", {"strike": "hang"}),
    FaultOffer("strike wrong-length", "Content-Length says more than comes", {"strike": "wrong-length"}),
    FaultOffer("strike close", "answered, then the connection closes", {"strike": "close"}),
    FaultOffer("delay 5s", "five seconds of silence, then the answer", {"delay": "5s"}),
    FaultOffer("status_word", "a status that nobody documented: QUEUED_V2", {"status_word": "QUEUED_V2"}, _JOBS),
    FaultOffer("odd_body", "unknown members, another order", {"odd_body": True}),
    FaultOffer(f"omit {_JOB}", f"the body lacks its {_JOB}", {"omit": [_JOB]}, ("invoke", "status")),
    FaultOffer("expire_token", "the token expires just before the call", {"expire_token": True}, _JOBS),
    FaultOffer("lose_reply", "accepted, but the answer never arrives", {"lose_reply": True}, ("invoke", "status")),
)
"""The menu, in the words of scenarios.md."""


def fault_menu() -> ListPage:
    """The armed ones first, then all offers: enter arms, delete disarms, ← and → turn an offer to another route."""
    turned: Counter[str] = Counter()

    def offered(offer: FaultOffer) -> ListEntry:
        route = offer.routes[turned[offer.word] % len(offer.routes)]

        def take(key: str) -> Reaction:
            if key == "enter":  # then back, to see it strike
                return Reaction(ask=lambda source: source.arm(offer.at(route)), close=True)
            turned[offer.word] += {"left": -1, "right": 1}.get(key, 0)
            return Reaction()

        on = row(("on ", "dim"), (f"{route} ", "wait b"), ("← → " if len(offer.routes) > 1 else "", "dim"))
        return ListEntry(offer.word, row(f" {offer.word:<22}"), row((f" {offer.effect}", "dim")), take, chosen_right=on)

    def armed(name: str, route: str) -> ListEntry:
        def take(key: str) -> Reaction:
            gone = key in ("delete", "backspace")
            return Reaction(ask=lambda source: source.disarm(name)) if gone else Reaction()

        says, disarms = row((f"  armed on {route}", "dim")), row(("delete disarms ", "dim"))
        return ListEntry(f"✗ {name}", row((f" ✗ {name} ", "bad b")), says, take, chosen_right=disarms)

    return ListPage(
        "f", "FAULT", "↑ ↓ ← →   enter arms   esc",
        lambda state, inner: [*(armed(each.name, each.route) for each in state.armed), *map(offered, FAULT_OFFERS)],
        lambda state: FAULT_OFFERS[0].word, "what happens to the next call · type to find",
        none_left="no fault has these words", keys=("delete", "backspace", "left", "right"),
    )  # fmt: skip


# Scenarios, each with its lane in miniature, all on one scale; below, what the chosen one shows

SCALE: Millis = 42_000
"""How long the longest lane takes; of a longer course its longest stretch is broken by `···`."""
_LEAST_LANE = 12
"""Cells below which a lane isn't drawn: its end alone tells then."""
_END = 14
"""Cells for how it ends."""
CONFIRM = "enter once more ends the run that is under way · esc"


def _entries(state: ScreenState, inner: int) -> list[ListEntry]:
    """Name and title of each; its lane, and how it ends."""
    found = state.source.scenarios
    names = min(max([0, *(cell_len(each.name) for each in found)]), 24)
    titles = min(max([0, *(cell_len(each.title) for each in found)]), max(12, inner - names - _END - 5))

    def entry(each: ScenarioChoice) -> ListEntry:
        name = ink(f" {clip(each.name, names):<{names}}  ", "bad" if each.complaints else "dim")
        head = row(name, f"{clip(each.title, titles):<{titles}} ")
        reaction = Reaction(
            state.choose(starting=False, output="rendered", zoom=""),
            lambda source: source.choose(each.name),
            close=True,
        )
        return ListEntry(
            each.name,
            head,
            row(" ", lane(each, inner - width(head) - 1 - _END, colours=state.colours)),
            lambda key: reaction,
            searched=f"{each.name} {each.title} {each.shows}",
            confirm=CONFIRM if state.running else "",
            more=partial(_shown_below, each),
        )

    return list(map(entry, found))


def _shown_below(entry: ScenarioChoice, inner: int, rows: int) -> list[Row]:
    """What it shows, its story as far as there is room, what is asked, and its course as planned."""
    if entry.complaints:
        return [line for text in entry.complaints for line in wrap(row(ink(text, "bad")), inner)][:rows]
    shows = wrap(row(ink(entry.shows, bold=True)), inner)
    foot: list[Row] = []
    if (scenario := entry.scenario) is not None:
        foot = [BLANK, cut(row(ink("asks  ", "dim"), scenario.message), inner), BLANK]
        foot.append(planned_row(planned_course(scenario, entry.seed, 1), inner))
    story = markdown(entry.story, inner)[: max(0, rows - len(shows) - len(foot) - 1)]
    while story and not width(story[-1]):
        story.pop()
    return [*shows, *([BLANK, *story] if story else []), *foot]


PICKER = ListPage(
    "s", "SCENARIO", "↑ ↓   enter plays it   esc", _entries,
    lambda state: state.source.scenario.name if state.source.scenario is not None else "",
    "{} scenarios · type to find", "the scenarios are being read", "no scenario has these words",
    least=7, most=12, steady=True,
)  # fmt: skip
"""The scenarios; enter plays the chosen one."""


def lane(entry: ScenarioChoice, cells: int, *, colours: bool) -> Row:
    """The course as a line in proportion to time, then how it ends: `▄▄▄▄▄▄▄ ✓ 16 s`."""
    scenario = entry.scenario
    if scenario is None:
        return row(ink("does not load", "bad")) if entry.complaints else ()
    if scenario.expect.refused is not None:
        return row(ink(f"✗ {scenario.expect.refused}, no job", "bad"))
    steps = planned_course(scenario, entry.seed, 1)
    if not steps:
        return ()
    end, whole = steps[-1].face, sum(step.takes for step in steps)
    tail = row(ink(f"{end.glyph} ", end.role), span_text(whole))
    return tail if cells < _LEAST_LANE else row(*_stretches(steps, whole, cells, colours=colours), " ", tail)


def _stretches(steps: Sequence[CourseStep], whole: Millis, cells: int, *, colours: bool) -> list[Row]:
    """A stretch for each status: neighbours of one are one."""
    found: list[tuple[Ink, Millis]] = []
    for step in steps:
        if found and found[-1][0] == step.face.role:
            found[-1] = (step.face.role, found[-1][1] + step.takes)
        elif step.takes:
            found.append((step.face.role, step.takes))
    longest = max(found, key=lambda each: each[1], default=None) if whole > SCALE else None
    scale = SCALE if longest is None else max(SCALE, (whole - longest[1]) * 2)
    spans = [max(1, round(takes * cells / scale)) for _, takes in found]
    parts: list[Row] = []
    for (tone, takes), size in zip(found, spans, strict=True):
        mark = "▄" if colours or tone != "wait" else "▒"
        if longest is not None and takes == longest[1]:
            half = max(2, (cells - sum(spans) + size - 5) // 2)
            parts += [row(ink(mark * half, tone)), row(ink(" ··· ", tone)), row(ink(mark * half, tone))]
        else:
            parts.append(row(ink(mark * size, tone)))
    return parts
