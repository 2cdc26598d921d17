"""The Token pane: the grant, what it brought, how long it is good."""

from datetime import UTC, datetime

from lab.core.clock import Millis
from lab.tui.panes.pane import PaneFact, View, ViewPart, coming, outcome, two_sides
from lab.tui.rows.blocks import (
    answer_rows,
    fields,
    latency,
    minutes,
    next_call,
    pill,
    request_head,
    request_row,
)
from lab.tui.rows.spans import BLANK, Row, at_both_ends, ends, fill, ink, row, widest, wrap
from lab.tui.state.ink import Ink
from lab.tui.state.run import TokenState

NO_TOKEN = "No token yet. The first request asks for one."
_SHORT = {"client_id": "client", "grant_type": "grant", "exp": "until", "scope": "scope", "sub": "sub"}
"""What a narrow pane shows of form and claims, with names that have room in it."""
_CLAIMS = {"sub": "the app itself", "scope": "what it may call", "iat": "from now", "exp": "until then"}
"""What each claim is for."""
_FURTHER = ("iss", "aud", "client_id")


def validity(token: TokenState | None, now: Millis, *, label: bool = True) -> Row:
    """`valid 59:37`, amber in the last minute, then `expired`; without the `label` the time alone."""
    if token is None or token.until is None or token.token is None:
        return ()
    left = token.until - now
    if left <= 0:
        return row(("expired", "bad b"))
    return row(("valid " if label else "", "dim"), (minutes(left), "done" if left >= 60_000 else "wait b"))


def token_fact(view: View) -> PaneFact:
    """The grant, what it brought, how long it is good."""
    run, token, inner = view.run, view.run.token, view.inner
    if token is None:
        return coming(NO_TOKEN, inner)
    known, sent = dict(token.claims), dict(token.form)
    grant_of = {"grant_type": sent.get("grant_type", ""), "client_id": known.get("client_id", "")}
    request = [request_row("POST", token.path, inner), *_fields(grant_of, inner)]
    reply = answer_rows(token.code, token.took, token.refusal, inner)
    if token.token is not None and token.refusal is None:
        claims: dict[str, str] = {each: claim_text(known, each) for each in ("exp", "scope", "sub") if each in known}
        reply += [*fields((("token", token.token),), 6, inner), *_fields(claims, inner, most=3)]
    elif run.next_call is not None and run.job is None:
        reply += [BLANK, next_call(run.next_call, inner, view.now, "bad")]
    body, valid = two_sides(request, reply, view.room), validity(token, view.now)
    beside, grant = "used again" if token.reused else "", grant_of["grant_type"]
    gist, short = row(token.token or "", (f"  {beside or grant}", "dim")), validity(token, view.now, label=False)
    brought = PaneFact("done", body, valid, gist=gist, right=valid, beside=beside, short=short)
    return outcome(token, token.token is not None, grant, brought)


def _fields(pairs: dict[str, str], inner: int, most: int = 1) -> list[Row]:
    return fields(tuple((_SHORT[name], text) for name, text in pairs.items() if text), 6, inner, most=most)


def claim_text(claims: dict[str, str], name: str) -> str:
    """A claim as it is read: an instant as a time of day, the subject with its kind."""
    text = claims[name]
    if name == "sub":
        return text + (f" ({claims['sub_type']})" if claims.get("sub_type") else "")
    try:
        return datetime.fromtimestamp(int(text), UTC).strftime("%H:%M:%S UTC") if name in ("exp", "iat") else text
    except (ValueError, OverflowError, OSError):
        return text


def token_parts(room: View) -> list[ViewPart]:
    """The grant, the token in its three parts, what it says, and how long it is good."""
    token, columns = room.run.token, room.columns
    if token is None or token.token is None:
        return []
    left = 0 if token.until is None else -(-max(0, token.until - room.now) // 1000)
    text = minutes(left * 1000) if left >= 6_000 else f"{left // 60:02}:{left % 60:02}"
    unit = "hours left" if text.count(":") > 1 else "minutes left"
    clock = room.big(text, "done", beside=58 if columns > 100 else 46)
    wide = widest(clock)
    clock = [*clock, ends(BLANK, row((unit, "dim")), wide)]
    title = ends(row(("access_token", "done b")), row(("every later call carries it", "dim")), columns)
    return [
        ViewPart(_grant(room, token), 1),
        ViewPart([title, *_masked(token, columns)], 2),
        ViewPart(at_both_ends(_claims(token, columns - wide - 4, tuple(_CLAIMS)), clock, columns)),
        ViewPart(_claims(token, columns, _FURTHER), 3),
    ]


def _grant(room: View, token: TokenState) -> list[Row]:
    """Request and reply, side by side where there is room."""
    call = next((each for each in reversed(room.run.exchanges) if each.command == "token"), None)
    headers = {name.lower(): value for name, value in call.request_headers} if call is not None else {}
    basic = headers.get("authorization", "").lower().startswith("basic")
    sent = (("Basic", f"{dict(token.claims).get('client_id', '')} ••••••".strip()),) if basic else ()
    request = [request_head("POST", token.path), *fields((*sent, *token.form), 10, room.columns, most=2)]
    after = f"  after {latency(token.took)}" if token.took is not None else ""
    came = [row(("← ", "done b"), pill(token.code or 0, "done"), (after, "dim"))]
    good = str(((token.until or 0) - token.since) // 1000)
    came += fields((("token_type", "Bearer"), ("expires_in", good)), 10, room.columns)
    if widest(request) + widest(came) + 3 <= room.columns:
        return at_both_ends(request, [fill(line, widest(came)) for line in came], room.columns)
    return [ends(request[0], came[0], room.columns), *request[1:]]


def _masked(token: TokenState, columns: int) -> list[Row]:
    """The token as three masked parts, the middle one its claims; one part, if it isn't known to have any."""
    begin, _, end = (token.token or "").partition("…")
    if not token.claims:
        return [row((begin, "fg b"), ("░" * (columns - len(begin) - len(end)), "dim"), (end, "fg b"))]
    first, last = max((columns - 6) * 16 // 94, len(begin)), (columns - 6) * 28 // 94
    parts: tuple[tuple[int, str, str, str, Ink, Ink], ...] = (
        (first, " header ", begin, "", "dim", "faint"),
        (columns - 6 - first - last, " claims ", "", "", "done", "line"),
        (last, " signature ", "", end, "dim", "faint"),
    )
    top, below = list[Row](), list[Row]()
    for size, name, before, after, tone, line in parts:
        filled = ink("░" * (size - len(before) - len(after)), tone)
        top.append(row((" . " if top else "", "fg b"), (before, "fg b"), filled, (after, "fg b")))
        side = (size - len(name) - 2) // 2
        brace = ink("─" * (size - len(name) - 2 - side) + "╯", line)
        below.append(row("   " if below else "", ink("╰" + "─" * side, line), ink(name, tone), brace))
    return [row(*top), row(*below)]


def _claims(token: TokenState, columns: int, names: tuple[str, ...]) -> list[Row]:
    """What the token says, and what each of it is for."""
    known, lines, beside = dict(token.claims), list[Row](), columns >= 46
    room = max(12, min(40, columns - 12 - 18 * beside))
    for name in names:
        values = wrap(row((claim_text(known, name), "fg b")), room, most=5) if name in known else []
        for at, value in enumerate(values):
            why = _CLAIMS.get(name, "") if beside and not at else ""
            lines.append(row((f"{'' if at else name:<11} ", "done b"), fill(value, room), (f"  {why}", "dim")))
    return lines
