"""A recording as people read it: the transcript of `lab show`, which git shows as a diff too (recordings.md §9)."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import TypeAlias, assert_never

from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.core.jsontext import members_of
from lab.core.reply import END_OF_EVENT
from lab.dialects import clients, wires
from lab.jobs.gates import Origin, decision_text
from lab.program.words import Verdict
from lab.recording.format.facts import class_of
from lab.recording.format.lines import Body, Enc, Entry, FileState, Header, Pairs, Recording, Req, Res
from lab.recording.format.text import dumps
from lab.recording.redaction.bodies import form_fields

WIDEST = 160
"""Characters of a value that a transcript shows in full."""
WIDEST_OF_FACT = 80
"""The same of a member of a fact."""

_DAY: Millis = 86_400_000
_SHOWN = ("content-type", "retry-after", "www-authenticate", "location", "allow")

_Opening: TypeAlias = tuple[str | None, str | None, str]
"""Job, gate and round."""
_Approvals: TypeAlias = tuple[int, int]
"""How many have approved, and how many must."""
Openings: TypeAlias = dict[_Opening, _Approvals]


def clock(at: Millis) -> str:
    """An instant as `+mm:ss.mmm`, minutes going on past 59; from a day on as `+2d 15:00:05.123`."""
    days, rest = divmod(at, _DAY)
    minutes, rest = divmod(rest, 60_000)
    seconds = f"{rest // 1000:02d}.{rest % 1000:03d}"
    return f"+{days}d {minutes // 60:02d}:{minutes % 60:02d}:{seconds}" if days else f"+{minutes:02d}:{seconds}"


def transcript_lines(recording: Recording, numbered: bool = False, *, whole: bool = False) -> Iterator[str]:
    """One block an exchange, facts between, decisions in words too, times by `clock`; stable.

    No sign in it ends a line or commands a terminal, whatever the file holds. `numbered`: before each line of the
    recording its number in the file, by which reports cite it. `whole`: no value in answers and facts is cut.
    """
    return (line if line.isprintable() else _brief(line, len(line) * 6) for line in _lines(recording, numbered, whole))


def _lines(recording: Recording, numbered: bool, whole: bool) -> Iterator[str]:
    yield from _head(recording.header)
    requested: dict[int, Millis] = {}
    """When, by exchanges that have no reply yet."""
    openings: Openings = {}
    for line in recording.lines:
        match line:
            case Req():
                requested[line.x] = line.t
                yield ""
                block = _request(line)
            case Res():
                block = _reply(line, requested.pop(line.x, None), whole)
            case Entry():
                said = fact_text(line, None if whole else WIDEST_OF_FACT)
                block = chain([f"{clock(line.instant)}  {_mark(line)} {said}"], decision_lines(line, openings))
            case _:
                assert_never(line)
        yield f"{line.n + 1:>6}  {next(block)}" if numbered else next(block)
        yield from block
    yield ""
    for x in requested:
        yield f"{clock(recording.until)}  x={x} has no reply"
    if recording.state is FileState.CLOSED and recording.end is not None:
        yield f"{clock(recording.end.t)}  end: {recording.end.reason}"
    else:
        yield f"{clock(recording.until)}  the recording is {recording.state.value}"


def clock_and_version(header: Header) -> str:
    """With which clock it was made, profile, and version."""
    pace = f" x{header.clock.factor}" if header.clock.factor else ""
    return f"{header.clock.mode} clock{pace} from {header.clock.epoch}, profile {header.profile}, lab {header.lab}"


def _head(header: Header) -> Iterator[str]:
    names = ", ".join(one.name for one in header.scenarios or ())
    yield f"{header.source} {names}".rstrip() + (f", seed {header.seed}" if header.seed is not None else "")
    yield clock_and_version(header)
    for name, value in sorted(header.settings.items()):
        yield f"  {name} = {_brief(value)}"


def _request(req: Req) -> Iterator[str]:
    yield f"{clock(req.t)}  {req.method} {_brief(req.url, 400)}  x={req.x} c={req.c}"
    for name, value in req.headers:
        if name in ("authorization", *_SHOWN):
            yield f"    {name}: {_brief(value)}"
    if req.flags:
        yield f"    noted: {' '.join(req.flags)}"
    yield from _body(req.body, form_fields(req.headers, req.body))


def _reply(res: Res, requested: Millis | None, whole: bool) -> Iterator[str]:
    widest = None if whole else WIDEST
    withheld = f", held {res.latency} ms" if res.latency else ""
    about = "" if requested is not None else " (its request is not here)"
    yield f"{clock(res.t)}  {res.status or 'nothing'}  x={res.x}{withheld}{about}"
    for name, value in res.headers:
        if name in _SHOWN:
            yield f"    {name}: {_brief(value)}"
    events = event_lines(requested, res.times, res.body, short=not whole) if requested is not None else []
    yield from (f"    {_brief(event, widest)}" for event in events) if events else _body(res.body, widest=widest)
    if res.cut:
        yield f"    cut: {res.cut}"


def event_lines(requested: Millis, times: Sequence[Millis], body: Body, *, short: bool = False) -> list[str]:
    """A stream's events with the instants at which they were due; none of what is no stream, or has no times.

    `short`: of one that holds a whole job what tells it from the next.
    """
    if not times or body.enc is not Enc.TEXT:
        return []
    *events, rest = str(body.value).split(END_OF_EVENT.decode())
    shown = map(_gist, events) if short else events
    lines = [f"{clock(requested + time)}  {event}" for time, event in zip(times, shown, strict=False)]
    return [*lines, *events[len(lines) :], *([rest] if rest else [])]


def _gist(event: str) -> str:
    value = members_of(event.partition("data: ")[2].encode("utf-8", "replace"))
    gist = next(filter(None, (client.gist(value) for client in clients())), None)
    return event if gist is None else dumps(gist)


def _body(body: Body, fields: Pairs | None = None, widest: int | None = WIDEST) -> Iterator[str]:
    value = body.value
    if fields is not None:
        yield from (f"    {_brief(name)} = {_brief(said)}" for name, said in fields)
    elif body.enc is Enc.JSON and isinstance(value, dict):
        # a job's body may have dozens of members, of which few change: those that say nothing new are left out
        members: Mapping[str, Json] = value
        for wire in wires():
            members = wire.marks.worth_showing(members)
        yield from (f"    {_brief(name)}: {_brief(part, widest)}" for name, part in members.items())
    elif body.enc is not Enc.NONE:
        yield f"    {body.enc.value}: {_brief(value, widest)}"


def decision_lines(entry: Entry, openings: Openings) -> Iterator[str]:
    """Who decided, in words; `openings` is kept."""
    opening = entry.text("job"), entry.text("gate"), str(entry.members.get("round", 0))
    approved, approvals = openings.get(opening, (0, 1))
    match entry.type:
        case "gate.opened":
            many = entry.members.get("approvals")
            openings[opening] = 0, many if isinstance(many, int) else 1
        case "gate.decided":
            verdict, by, name, comment = (entry.text(member) for member in ("verdict", "by", "name", "comment"))
            approved += verdict == Verdict.APPROVED
            openings[opening] = approved, approvals
            text = decision_text(verdict or "?", by or "?", name, comment, approved=approved, approvals=approvals)
            yield f"    {_brief(text, 400)}"
        case "gate.expired":
            yield f"    {decision_text(Verdict.TIMED_OUT, Origin.SCRIPT, approved=approved, approvals=approvals)}"


def _mark(entry: Entry) -> str:
    return {"input": "+", "derived": "=", "shell": "·"}.get(class_of(entry), "?")


def fact_text(entry: Entry, widest: int | None = WIDEST_OF_FACT) -> str:
    """A fact on one line: its type and members."""
    members = " ".join(f"{name}={_brief(value, widest)}" for name, value in entry.members.items())
    return f"{entry.type} {members}".rstrip()


def _brief(value: Json, widest: int | None = WIDEST) -> str:
    """The value on one line, controls escaped, cut where it gets longer than `widest`."""
    text = dumps(value)
    if isinstance(value, str):
        text = text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return text if widest is None or len(text) <= widest else f"{text[: widest - 1]}… ({len(text)} characters)"
