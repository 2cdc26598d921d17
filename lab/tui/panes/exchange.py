"""Both sides of an exchange: request and reply, headers and bodies, and the request as a curl command."""

from lab.tui.rows import formats as outputs
from lab.tui.rows.blocks import latency, phrase, since_text
from lab.tui.rows.curl import curl
from lab.tui.rows.spans import BLANK, Row, clip, clip_left, cut, row, wrap
from lab.tui.state.screen import ScreenState
from lab.tui.state.values import Exchange


def name(scene: ScreenState, call: Exchange) -> str:
    """What stands over the page: which exchange, when, what came of it."""
    came = call.lost or ("···" if call.code is None else f"{call.code}")
    at = since_text(scene.stage, call.at).strip()
    return " · ".join(part for part in (f"EXCHANGE {call.x}", call.route, at, came, latency(call.took)) if part)


def exchange(scene: ScreenState, call: Exchange, inner: int) -> list[Row]:
    """The page, more rows than fit if bodies are long."""
    lines: list[Row] = [row(("→ ", "run"), (call.method, "run b"), f" {clip_left(call.path, inner - 10)}")]
    lines += _headers(call.request_headers, inner)
    lines += _body(call.request_body, inner)
    lines.append(BLANK)
    if call.struck:
        lines.append(row(("✗ ", "bad"), (clip(call.struck, inner - 20), "bad b"), ("  a fault struck", "dim")))
    lines += _reply(call, inner)
    lines += [BLANK, row(("as curl", "run b"), ("   y copies it", "dim"))]
    command = curl(call, scene.show.base, scene.show.token_url)
    return [*lines, *[row("  ", part) for text in command.split("\n") for part in wrap(row(text), inner - 2)]]


def _reply(call: Exchange, inner: int) -> list[Row]:
    if call.lost is not None:
        return [row(("← ", "bad"), (clip(call.lost, inner - 20), "bad b"), ("  no reply came", "dim"))]
    if call.code is None:
        return [row(("← ···", "dim"))]
    role = "done" if call.code < 400 else "bad"
    took = (f"   {latency(call.took)}", "dim")
    head = row(("← ", role), (str(call.code), f"{role} b"), f" {phrase(call.code)}", took)
    return [head, *_headers(call.reply_headers, inner), *_body(call.reply_body, inner)]


def _headers(pairs: tuple[tuple[str, str], ...], inner: int) -> list[Row]:
    return [cut(row((f"  {name}: ", "dim"), value), inner) for name, value in pairs]


def _body(text: str, inner: int) -> list[Row]:
    if not text:
        return []
    if text[0] in "{[":
        return [BLANK, *outputs.document(text, inner)]
    return [BLANK, *[line for part in text.split("\n") for line in wrap(row(part), inner)]]
