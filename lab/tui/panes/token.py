"""The Token pane: the grant, what it brought, how long it is good."""

from datetime import UTC, datetime

from lab.core.clock import Millis
from lab.tui.panes.pane import Pane, PaneFact, View, last_of, two_sides
from lab.tui.rows.blocks import answer_rows, fields, minutes, next_call, paragraph, request_row
from lab.tui.rows.spans import BLANK, Row, row
from lab.tui.state.run import Pairs, TokenState

NO_TOKEN = "No token yet. The first request asks for one."
_CLAIMS = ("exp", "sub", "scope", "iss", "client_id", "aud", "iat")
"""In the order in which they show."""


def validity(token: TokenState | None, now: Millis) -> Row:
    """`valid 59:37`, amber in the last minute, then `expired`."""
    if token is None or token.until is None or token.token is None:
        return ()
    left = token.until - now
    if left <= 0:
        return row(("expired", "bad b"))
    return row(("valid ", "dim"), (minutes(left), "done" if left >= 60_000 else "wait b"))


def token_fact(view: View) -> PaneFact:
    """The grant, what it brought, how long it is good."""
    run, token = view.run, view.run.token
    if token is None:
        return PaneFact("coming", paragraph(NO_TOKEN, "dim", view.inner), gist=row((NO_TOKEN, "dim")))
    alone, known = view.state.ui.zoom == "token", dict(token.claims)
    fields_sent = token.form if alone else _short({"client": known.get("client_id", ""), **dict(token.form)})
    label, most = (10, 9) if alone else (6, 3)
    request = [
        request_row("POST", token.path, view.inner),
        *fields(fields_sent, label, view.inner, most=9 if alone else 1),
    ]
    reply = answer_rows(token.code, token.took, token.refusal, view.inner)
    if token.token is not None and token.refusal is None:
        reply += fields((("token", token.token),), label, view.inner)
        claims = {name: claim_text(known, name) for name in _CLAIMS if name in known}
        reply += fields(tuple(claims.items()) if alone else _short(claims), label, view.inner, most=most)
    elif run.next_call is not None and run.job is None:
        reply += [BLANK, next_call(run.next_call, view.inner, view.now, "bad")]
    body = two_sides(request, reply, view, "token")
    valid = validity(token, view.now)
    beside = "used again" if token.reused else ""
    if token.refusal is not None:
        code, gist = row((str(token.code or "···"), "bad b")), row((token.refusal, "bad"))
        return PaneFact("bad", body, valid, code, gist, beside=beside)
    grant = dict(token.form).get("grant_type", "")
    if token.token is None:
        return PaneFact("work", body, valid, row(("···", "dim")), row((grant, "dim")))
    gist = row(token.token, (f"  {beside or grant}", "dim"))
    return PaneFact("done", body, valid, row((str(token.code), "done b")), gist, valid, beside)


def _short(pairs: dict[str, str]) -> Pairs:
    """What a narrow pane shows, with names that have room in it."""
    names = {"grant_type": "grant", "client": "client", "exp": "until", "scope": "scope", "sub": "sub"}
    return tuple((short, pairs[name]) for name, short in names.items() if pairs.get(name))


def claim_text(claims: dict[str, str], name: str) -> str:
    """A claim as it is read: an instant as a time of day, the subject with its kind."""
    return _clock(claims[name]) if name in ("exp", "iat") else _subject(claims) if name == "sub" else claims[name]


def _subject(claims: dict[str, str]) -> str:
    """`demo (client)`."""
    kind = claims.get("sub_type")
    return claims.get("sub", "") + (f" ({kind})" if kind else "")


def _clock(claim: str) -> str:
    try:
        return datetime.fromtimestamp(int(claim), UTC).strftime("%H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return claim


TOKEN_PANE = Pane(
    "token", "1", "Token", token_fact, lambda state: last_of(state, "token"), wide=34, narrow=30, timed=True
)
