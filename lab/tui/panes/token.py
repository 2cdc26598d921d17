"""The Token pane: the grant, what it brought, how long it is good."""

from datetime import UTC, datetime

from lab.core.clock import Millis
from lab.tui.panes.polling import next_call
from lab.tui.rows.blocks import (
    fields,
    frame,
    longest,
    minutes,
    one_row,
    paragraph,
    refusal,
    reply_row,
    request_row,
    title,
)
from lab.tui.rows.spans import BLANK, Row, Rows, gauge, row
from lab.tui.state.screen import ScreenState
from lab.tui.state.values import TokenState

NONE_YET = "No token yet. The first request asks for one."


def kind(token: TokenState | None) -> str:
    """Which border the pane has."""
    if token is None:
        return "coming"
    if token.refusal is not None:
        return "bad"
    return "done" if token.token else "work"


def validity(token: TokenState | None, now: Millis) -> Row:
    """`valid 59:37`, amber in the last minute, then `expired`."""
    if token is None or token.until is None or token.token is None:
        return ()
    left = token.until - now
    if left <= 0:
        return row(("expired", "bad b"))
    return row((f"valid {minutes(left)}", "done" if left >= 60_000 else "wait b"))


def draw(scene: ScreenState, columns: int, rows: int, now: Millis) -> Rows:
    """The pane with its frame."""
    token = scene.stage.token
    body = _body(token, columns - 4, rows - 2, now)
    if scene.stage.pending is not None and scene.stage.job is None and len(body) < rows - 3:
        body = [*body, BLANK, next_call(scene.stage.pending, columns - 4, now, "bad")]
    reused = "used again" if token is not None and token.reused else ""
    name = title(scene, "token", "1 TOKEN", kind(token), reused)
    return frame(body, name, validity(token, now), kind(token), columns, rows, key="1")


def short(scene: ScreenState, columns: int, now: Millis) -> Rows:
    """The pane as one row."""
    token = scene.stage.token
    if token is None:
        return one_row("coming", "1 TOKEN", row((NONE_YET, "dim")), (), columns, key="1")
    if token.refusal is not None:
        gist = row((str(token.code or "···"), "bad b"), "  ", (token.refusal, "bad"))
        return one_row("bad", "1 TOKEN", gist, (), columns, key="1")
    grant = dict(token.form).get("grant_type", "")
    if token.token is None:
        return one_row("work", "1 TOKEN", row("···   ", (grant, "dim")), (), columns, key="1")
    gist = row((str(token.code), "done b"), "   ", token.token, "  ", ("used again" if token.reused else grant, "dim"))
    left = validity(token, now)
    state = row(("valid ", "dim"), (left[0].text[6:], "fg")) if left and left[0].role == "done" else left
    return one_row("done", "1 TOKEN", gist, state, columns, key="1")


def _body(token: TokenState | None, inner: int, rows: int, now: Millis) -> list[Row]:
    if token is None:
        return paragraph(NONE_YET, "dim", inner)
    return longest((_form(token, inner, now, *form) for form in FORMS), rows)


FORMS = (
    (7, 3, True), (2, 3, True), (2, 2, True), (2, 1, True), (2, 1, False), (1, 1, False), (0, 1, False), (0, 0, False),
)  # fmt: skip
"""From the longest to the shortest: claims, rows of the scope, whether the gauge shows."""


def _form(token: TokenState, inner: int, now: Millis, claims: int, scope: int, line: bool) -> list[Row]:
    """One form of the pane; `scope` counts the rows of a long value, 0 leaves the request's fields out."""
    body = [request_row("POST", token.path, inner)]
    if scope:
        body += fields(token.form, 10, inner, most=scope)
    if token.refusal is not None:
        if token.code is not None:
            body.append(reply_row(token.code, token.took, inner))
        return body + refusal(token.refusal, inner)
    body.append(reply_row(token.code, token.took, inner))
    if token.token is None:
        return body
    body += fields((("token", token.token),), 10, inner)
    body += _claims(token, claims, inner)
    if line and token.until is not None:
        left = token.until - now
        tone = "bad" if left <= 0 else "wait" if left < 60_000 else "done"
        body.append(gauge(left / max(1, token.until - token.since) + 0.5 / inner, inner, tone))
    return body


def _claims(token: TokenState, most: int, inner: int) -> list[Row]:
    known = dict(token.claims)
    told: list[tuple[str, Row]] = []
    if "sub" in known:
        kind = known.get("sub_type")
        told.append(("sub", row(known["sub"], (f" ({kind})" if kind else "", "dim"))))
    if "exp" in known:
        told.append(("exp", row(_clock(known["exp"]))))
    told += [(name, row(known[name])) for name in ("iss", "client_id", "aud", "scope") if name in known]
    if "iat" in known:
        told.append(("iat", row(_clock(known["iat"]))))
    told = told[:most]
    lines = []
    for index, (name, value) in enumerate(told):
        branch = "└" if index == len(told) - 1 else "├"
        lines.append(row((f"  {branch} {name:<9} ", "dim"), value))
    return lines


def _clock(claim: str) -> str:
    try:
        return datetime.fromtimestamp(int(claim), UTC).strftime("%H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return claim
