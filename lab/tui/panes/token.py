"""The Token pane: the grant, what it brought, how long it is good."""

from datetime import UTC, datetime

from rich.cells import cell_len

from lab.core.clock import Millis
from lab.tui.panes.pane import Column, Framed, OneRow, Pane, View, last_of
from lab.tui.rows.blocks import answer_rows, fields, kind_of_call, longest, minutes, next_call, paragraph, request_row
from lab.tui.rows.spans import BLANK, Row, gauge, row, wrap
from lab.tui.state.run import RunState, TokenState
from lab.tui.state.screen import ScreenState
from lab.tui.state.status import phase

NO_TOKEN = "No token yet. The first request asks for one."
FORMS = (
    (7, 9, True),
    (7, 3, True),
    (2, 3, True),
    (2, 2, True),
    (2, 1, True),
    (2, 1, False),
    (1, 1, False),
    (0, 1, False),
    (0, 0, False),
    (0, -1, False),
)
"""From the longest to the shortest: claims, rows of the scope (below 0: not even the request), whether the gauge shows."""
_CLAIMS = ("sub", "exp", "iss", "client_id", "aud", "scope", "iat")
"""In the order in which they show."""


def validity(token: TokenState | None, now: Millis) -> Row:
    """`valid 59:37`, amber in the last minute, then `expired`."""
    if token is None or token.until is None or token.token is None:
        return ()
    left = token.until - now
    if left <= 0:
        return row(("expired", "bad b"))
    return row((f"valid {minutes(left)}", "done" if left >= 60_000 else "wait b"))


def _framed(view: View) -> Framed:
    run, token = view.run, view.run.token
    body = paragraph(NO_TOKEN, "dim", view.inner)
    if token is not None:
        body = longest((_form(token, view.inner, view.now, *form) for form in FORMS), view.room)
    if run.next_call is not None and run.job is None and len(body) < view.room - 1:
        body = [*body, BLANK, next_call(run.next_call, view.inner, view.now, "bad")]
    beside = "used again" if token is not None and token.reused else ""
    return Framed(body, kind_of_call(token), beside, validity(token, view.now))


def _one_row(view: View) -> OneRow:
    token = view.run.token
    if token is None:
        return OneRow("coming", row((NO_TOKEN, "dim")))
    if token.refusal is not None:
        return OneRow("bad", row((str(token.code or "···"), "bad b"), "  ", (token.refusal, "bad")))
    grant = dict(token.form).get("grant_type", "")
    if token.token is None:
        return OneRow("work", row("···   ", (grant, "dim")))
    gist = row((str(token.code), "done b"), "   ", token.token, "  ", ("used again" if token.reused else grant, "dim"))
    left = validity(token, view.now)
    calm = bool(left) and left[0].role == "done"
    return OneRow("done", gist, row(("valid ", "dim"), (left[0].text[6:], "fg")) if calm else left)


def _form(token: TokenState, inner: int, now: Millis, claims: int, scope: int, line: bool) -> list[Row]:
    """One form of the pane; `scope` counts the rows of a long value, 0 leaves the request's fields out."""
    body = [request_row("POST", token.path, inner)] if scope >= 0 else []
    if scope > 0:
        body += fields(token.form, 10, inner, most=scope)
    body += answer_rows(token.code, token.took, token.refusal, inner)
    if token.refusal is not None or token.token is None:
        return body
    if scope < 0:
        kind = token.claims and _subject(dict(token.claims))
        return [*body, row("  ", token.token, (f"  {kind}" if kind else "", "dim"))]
    body += fields((("token", token.token),), 10, inner)
    body += _claims(token, claims, inner, most=scope)
    if line and token.until is not None:
        left = token.until - now
        tone = "bad" if left <= 0 else "wait" if left < 60_000 else "done"
        body.append(gauge(left / max(1, token.until - token.since) + 0.5 / inner, inner, tone))
    return body


def _claims(token: TokenState, many: int, inner: int, *, most: int) -> list[Row]:
    known = dict(token.claims)
    names = [name for name in _CLAIMS if name in known][:many]
    lines = []
    for name in names:
        branch, on = ("└", " ") if name == names[-1] else ("├", "│")
        for index, part in enumerate(wrap(row(claim_text(known, name)), inner - 14, most=max(1, most))):
            lines.append(row((f"  {on}           " if index else f"  {branch} {name:<9} ", "dim"), part))
    return lines


def claim_text(claims: dict[str, str], name: str) -> str:
    """A claim as it is read: an instant as a time of day, the subject with its kind."""
    return _clock(claims[name]) if name in ("exp", "iat") else _subject(claims) if name == "sub" else claims[name]


def _subject(claims: dict[str, str]) -> str:
    """`demo (client)`."""
    kind = claims.get("sub_type")
    return claims.get("sub", "") + (f" ({kind})" if kind else "")


def _longest(state: ScreenState) -> int:
    """Request, values and claims each on a row."""
    token = state.run.token
    if token is None:
        return 0
    return 18 + max([len(token.path) - 7, *(cell_len(value) for _, value in (*token.form, *token.claims))])


def _clock(claim: str) -> str:
    try:
        return datetime.fromtimestamp(int(claim), UTC).strftime("%H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return claim


def _leads(run: RunState) -> bool:
    return phase(run) == "token" or (phase(run) == "error" and run.job is None)


TOKEN_PANE = Pane(
    name="token",
    key="1",
    title="Token",
    framed=_framed,
    one_row=_one_row,
    exchange=lambda state: last_of(state, "token"),
    column=Column(
        1,
        42,
        rows=lambda rows: max(3, min(11, rows * 11 // 24)),
        rows_of_two=lambda rows: max(3, min(11, rows * 4 // 23)),
        longest=_longest,
    ),
    leads=_leads,
    timed=True,
)
