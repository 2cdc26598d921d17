"""The acts of the calls: the token, the Job ID, and a refusal of either."""

from lab.core.clock import Millis
from lab.tui.panes.act_parts import ActPart, ActRoom, at_both_ends, request_head, tail_of, widest
from lab.tui.panes.token import claim_text
from lab.tui.rows.blocks import frame, latency, minutes, phrase
from lab.tui.rows.spans import BLANK, Row, cut, ends, fill, row, width, wrap
from lab.tui.state.run import JobState, TokenState

_CLAIMS = (
    ("sub", "the app itself"),
    ("scope", "what it may call"),
    ("iat", "from now"),
    ("exp", "until then"),
)
"""What each claim is for."""


def token_parts(room: ActRoom) -> list[ActPart]:
    """The grant, the token in its three parts, what it says, and how long it is good."""
    token = room.run.token
    if token is None or token.token is None:
        return []
    text = left_text(token, room.now)
    clock, unit = (
        room.big(text, "done", 2 if room.columns >= 94 else 1),
        "hours left" if text.count(":") > 1 else "minutes left",
    )
    clock = [*clock, BLANK, row((unit, "dim"))] if room.form != "least" else [*clock, row((unit, "dim"))]
    wide = widest(clock)
    clock = [row(" " * (wide - width(line)), line) for line in clock]
    framed = room.form == "whole" and room.columns >= 94
    inner = room.columns - (8 if framed else 0)
    claims = _claims(token, inner - wide - 4, airy=room.form == "whole")
    below = at_both_ends(claims, clock, inner) if claims else clock
    masked = _masked(token, inner)
    if room.form == "least":
        return [ActPart(below if len(below) <= room.rows - 4 else clock), ActPart(masked[:1], 1)]
    if not framed:
        return [ActPart(_grant(room, token)), ActPart(masked, 1), ActPart(below)]
    body = [row("  ", line) for line in (BLANK, *masked, BLANK, BLANK, *below, BLANK)]
    title, foot = row(("access_token", "done b")), row(("every later call carries it", "dim"))
    return [
        ActPart(_grant(room, token)),
        ActPart(list(frame(body, title, foot, "done", room.columns, len(body) + 2))),
    ]


def left_text(token: TokenState, now: Millis) -> str:
    """For how long the token is good, up to the second: `60:00`, hours in front from 100 minutes on."""
    left = 0 if token.until is None else -(-max(0, token.until - now) // 1000)
    return minutes(left * 1000) if left >= 6_000 else f"{left // 60:02}:{left % 60:02}"


def _grant(room: ActRoom, token: TokenState) -> list[Row]:
    """Request and reply, side by side where there is room."""
    columns = room.columns
    call = next((each for each in reversed(room.run.exchanges) if each.command == "token"), None)
    headers = {name.lower(): value for name, value in call.request_headers} if call is not None else {}
    basic = headers.get("authorization", "").lower().startswith("basic")
    client = dict(token.claims).get("client_id", "")
    request = [request_head("POST", token.path)]
    request += (
        [row("  ", (f"{'Basic':<10}  ", "dim"), f"{client} " if client else "", ("••••••", "dim"))] if basic else []
    )
    request += [row("  ", (f"{name:<10}  ", "dim"), value) for name, value in token.form]
    came = [
        row(("← ", "done b"), (f" {token.code} {phrase(token.code or 0)} ", "fill b @fill-done"), _after(token.took))
    ]
    facts = (("token_type", "Bearer"), ("expires_in", str(((token.until or 0) - token.since) // 1000)))
    came += [row("  ", (f"{name:<10}  ", "dim"), value) for name, value in facts]
    wide = widest(came)
    if widest(request) + wide + 3 <= columns:
        return at_both_ends(request, [fill(line, wide) for line in came], columns)
    first = cut(request[0], columns - width(came[0]) - 2)
    rest = [row("  " if at else "", part) for line in request[1:] for at, part in enumerate(wrap(line, columns - 2))]
    return [ends(first, came[0], columns), *rest]


def _after(took: int | None) -> Row:
    return row((f"  after {latency(took)}", "dim")) if took is not None else ()


def _masked(token: TokenState, columns: int) -> list[Row]:
    """The token as three masked parts, the middle one its claims; one part, if it isn't known to have any."""
    begin, _, end = (token.token or "").partition("…")
    if not token.claims:
        return [row((begin, "fg b"), ("░" * max(0, columns - len(begin) - len(end)), "dim"), (end, "fg b"))]
    rest = columns - 6
    sizes = (rest * 16 // 94, rest - rest * 16 // 94 - rest * 28 // 94, rest * 28 // 94)
    top: list[Row] = []
    below: list[Row] = []
    for size, name, before, after in zip(
        sizes, ("header", "claims", "signature"), (begin, "", ""), ("", "", end), strict=True
    ):
        role, label = ("done", f" {name} ") if name == "claims" else ("dim", f" {name} ")
        top.append(row((before, "fg b"), ("░" * (size - len(before) - len(after)), role), (after, "fg b")))
        side = (size - len(label) - 2) // 2
        line = "line" if name == "claims" else "faint"
        rest_of = size - len(label) - 2 - side
        below.append(
            row(
                ("╰" + "─" * side, line),
                (label, f"{role} b" if name == "claims" else role),
                ("─" * rest_of + "╯", line),
            )
        )
    dot = row((" . ", "fg b"))
    return [row(top[0], dot, top[1], dot, top[2]), row(below[0], "   ", below[1], "   ", below[2])]


def _claims(token: TokenState, columns: int, *, airy: bool) -> list[Row]:
    known, lines = dict(token.claims), list[Row]()
    for name, why in _CLAIMS:
        if name not in known:
            continue
        room = max(12, min(34, columns - 8 - 18)) if columns >= 46 else columns - 8
        values = wrap(row((claim_text(known, name), "fg b")), room, most=5)
        for number, value in enumerate(values):
            head = row((f"{name if not number else '':<8}", "done b"), fill(value, room))
            lines.append(row(head, (f"  {why}" if not number and columns >= 46 else "", "dim")))
        lines += [BLANK] if airy else []
    return lines[:-1] if airy else lines


def job_parts(room: ActRoom) -> list[ActPart]:
    """What was request, the beginning of the Job ID, and that nothing is held open for it."""
    job, columns = room.run.job, room.columns
    if job is None or job.job is None:
        return []
    first = job.job[:8]
    big = room.big(first.upper(), "run")
    whole = row((first, "run b"), job.job[8:])
    label = row((room.state.labels.job, "dim"))
    ident = [ends(whole, label, columns) if width(whole) + width(label) < columns else whole]
    accepted = job.code == 202
    said = "you may hang up: nothing is held open" if accepted else "the job goes on by itself"
    pill = row((f" {job.code} {phrase(job.code or 0)} ", "fill b @fill-done"), "  ", (said, "fg b"))
    request = [cut(request_head("POST", tail_of(job.path, 2)), columns)]
    for name, text in job.message:
        parts = wrap(row(text), columns - len(name) - 4, most=2)
        request += [
            row("  ", (f"{name if not at else '':<{len(name)}}  ", "dim"), part) for at, part in enumerate(parts)
        ]
    if room.form == "least":
        return [ActPart(big), ActPart(ident), ActPart([pill], 1), ActPart(request, 2)]
    return [
        ActPart(request, 1),
        ActPart([*big, BLANK, *ident]),
        ActPart([cut(pill, columns)]),
        ActPart(_lanes(room, job), 2),
    ]


def _lanes(room: ActRoom, job: JobState) -> list[Row]:
    """The connection that is closed, and the job that runs on."""
    status = row((f"◐ {job.status or 'RUNNING'}", "run b"), " on its own")
    closed = row(("connection    ", "dim"), ("▄▄▄▄", "dim"), (f" closed after {latency(job.took)}", "dim"))
    size = max(4, room.columns - 15 - width(status) - 2)
    runs = row(("job            ", "dim"), ("▄" * size, "run"), "  ", status)
    return [closed, BLANK, runs] if room.form == "whole" else [closed, runs]


def refused_parts(room: ActRoom) -> list[ActPart]:
    """The code in block digits, why, and what the server asks for instead."""
    run, columns = room.run, room.columns
    token = run.job is None
    call = run.token if token else run.job
    if call is None or call.code is None:
        return []
    name = "token" if token else "invoke"
    exchange = next((each for each in reversed(run.exchanges) if each.command == name), None)
    request = request_head("POST", call.path if token else tail_of(call.path, 2))
    title = row((f" {call.code} {phrase(call.code)} ", "fill b @fill-bad"))
    error, _, text = (call.refusal or "").removeprefix(f"HTTP {call.code}: ").partition(" · ")
    why = [*wrap(row((error, "bad b")), columns), *(wrap(row((text, "fg")), columns) if text else [])]
    headers = exchange.reply_headers if exchange is not None else ()
    challenge = [value for header, value in headers if header.lower() == "www-authenticate"]
    asks = [line for value in challenge for line in wrap(row(("WWW-Authenticate  ", "dim"), value), columns, most=3)]
    return [
        ActPart([cut(request, columns)], 2),
        ActPart(room.big(str(call.code), "bad")),
        ActPart([title], 1),
        ActPart(why),
        ActPart(asks, 3),
    ]
