"""An exchange as a curl command: what was sent, secrets as shell variables."""

from collections.abc import Iterable
from shlex import quote

from lab.core.exchange import header_of, is_target
from lab.recording.show.shell import Fields, Piece, curl_line
from lab.tui.state.clean import CAP, DOTS, line
from lab.tui.state.run import Exchange

TOKEN = "token"
VARIABLES = {"access_token": TOKEN, "client_secret": "LAB_CLIENT_SECRET"}
"""The shell variables by what they hold; others are named after the field."""
_LOGIN = ((True, "LAB_CLIENT_ID"), (False, ":"), (True, "LAB_CLIENT_SECRET"))


def curl(exchange: Exchange, base: str = "", token_url: str = "") -> str:
    """The command, one option a line. Without an address it takes `$LAB_BASE` and `$LAB_TOKEN_URL` from the shell."""
    if (address := _address(exchange, base, token_url)) is None:
        return "# curl can't ask it: what it asks for is no path of a server"
    names = {address[2:].partition('"')[0]} if address.startswith('"$') else set[str]()

    def fill(name: str, value: str) -> tuple[Piece, ...]:
        pieces = _pieces(name, value) if name else ((False, value),)
        names.update(text for is_variable, text in pieces if is_variable)
        return pieces

    sent = exchange.request_body
    body: str | Fields = sent
    if "form-urlencoded" in (header_of(exchange.request_headers, "content-type") or ""):
        # of the form's fields a line each is kept
        body = [(name, value) for name, _, value in (each.partition("=") for each in sent.split("\n")) if sent]
    command = curl_line(exchange.method, address, exchange.request_headers, body or None, fill)
    cut = f"# the body is cut after {CAP} characters\n" if len(sent) >= CAP else ""
    return cut + _first(names, token_url) + command


def first_curl(token_url: str) -> str:
    """What a client's first call may look like, where none has called: it asks for a token."""
    fields = (("grant_type", "client_credentials"), ("scope", DOTS))
    command = curl_line("POST", quote(token_url), (("authorization", f"Basic {DOTS}"),), fields, _pieces)
    return f"# set LAB_CLIENT_ID, LAB_CLIENT_SECRET and LAB_SCOPE first, as lab serve prints them\n{command}"


def _first(names: Iterable[str], token_url: str) -> str:
    """A comment that names the variables to set, and where the token comes from."""
    if not names:
        return ""
    place = line(token_url, 200) if token_url else "the token URL"
    texts = [f"{name} (access_token in the reply of POST {place})" if name == TOKEN else name for name in sorted(names)]
    return f"# set first, as in {min(names)}=…: {', '.join(texts)}\n"


def _address(exchange: Exchange, base: str, token_url: str) -> str | None:
    """A word of the shell; None if behind a base URL it could be another server's."""
    if exchange.route == "token":
        return quote(token_url) if token_url else '"$LAB_TOKEN_URL"'
    target = exchange.path.replace("#", "%23")
    if not is_target(target):
        return None
    return quote(base.rstrip("/") + target) if base else f'"$LAB_BASE"{quote(target)}'


def _pieces(name: str, value: str) -> tuple[Piece, ...]:
    """What the value of a header or field is made of; what is masked is a variable."""
    word, _, _ = value.partition(" ")
    if name.lower() == "authorization" and word.lower() == "basic":
        return ((False, f"{word} "), *_LOGIN)
    if name.lower() == "authorization" and word.lower() == "bearer":
        return (False, f"{word} "), (True, TOKEN)
    if DOTS not in value:
        return ((False, value),)
    plain = "".join(character if character.isalnum() and character.isascii() else "_" for character in name.lower())
    return ((True, VARIABLES.get(plain, f"LAB_{plain.upper()}")),)
