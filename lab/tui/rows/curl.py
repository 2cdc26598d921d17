"""An exchange as a curl command: what was sent, secrets as shell variables."""

import re
from shlex import quote

from lab.core.exchange import is_target
from lab.recording.show.shell import LEFT_OUT, curl_command
from lab.tui.state.clean import CAP, DOTS, line
from lab.tui.state.run import Exchange

TOKEN = "LAB_TOKEN"
_NAMES = re.compile(r"\$(LAB_[A-Z0-9_]+)")
VARIABLES = {"bearer": TOKEN, "access_token": TOKEN, "client_secret": "LAB_CLIENT_SECRET"}
"""The shell variables by what they hold; others are named after the field."""


def curl(exchange: Exchange, base: str = "", token_url: str = "") -> str:
    """The command, one option a line. Without an address it takes `$LAB_BASE` and `$LAB_TOKEN_URL` from the shell."""
    form = _form(exchange)
    if (address := _address(exchange, base, token_url)) is None:
        return "# curl can't ask it: what it asks for is no path of a server"
    left_out = LEFT_OUT | {"content-type"} if form else LEFT_OUT
    options = [_header(name, value) for name, value in exchange.request_headers if name.lower() not in left_out]
    if form:
        options += [_field(line) for line in exchange.request_body.split("\n")]
    elif exchange.request_body:
        options.append(f"--data-raw {quote(exchange.request_body)}")
    cut = f"# the body is cut after {CAP} characters\n" if len(exchange.request_body) >= CAP else ""
    command = curl_command("curl", exchange.method, address, options, sends=bool(exchange.request_body))
    return cut + _first(command, token_url) + command


def first_curl(token_url: str) -> str:
    """What a client's first call may look like, where none has called: it asks for a token."""
    options = (
        '-u "$LAB_CLIENT_ID:$LAB_CLIENT_SECRET"',
        "-d grant_type=client_credentials",
        '--data-urlencode "scope=$LAB_SCOPE"',
    )
    command = curl_command("curl", "POST", quote(token_url), options, sends=True)
    return f"# set LAB_CLIENT_ID, LAB_CLIENT_SECRET and LAB_SCOPE first, as lab serve prints them\n{command}"


def _first(command: str, token_url: str) -> str:
    """A comment that names the variables to set, and where the token comes from."""
    names = sorted(set(_NAMES.findall(command)))
    if not names:
        return ""
    place = line(token_url, 200) if token_url else "the token URL"
    texts = [f"{name} (access_token in the reply of POST {place})" if name == TOKEN else name for name in names]
    return f"# set first, as in {names[0]}=…: {', '.join(texts)}\n"


def _form(exchange: Exchange) -> bool:
    kind = next((value for name, value in exchange.request_headers if name.lower() == "content-type"), "")
    return "form-urlencoded" in kind and bool(exchange.request_body)


def _address(exchange: Exchange, base: str, token_url: str) -> str | None:
    """A word of the shell; None if behind a base URL it could be another server's."""
    if exchange.route == "token":
        return quote(token_url) if token_url else '"$LAB_TOKEN_URL"'
    target = exchange.path.replace("#", "%23")
    if not is_target(target):
        return None
    return quote(base.rstrip("/") + target) if base else f'"$LAB_BASE"{quote(target)}'


def _header(name: str, value: str) -> str:
    word, _, _ = value.partition(" ")
    if name.lower() == "authorization" and word.lower() == "basic":
        return '-u "$LAB_CLIENT_ID:$LAB_CLIENT_SECRET"'
    if name.lower() == "authorization" and word.lower() == "bearer":
        return f'-H "{name}: Bearer $LAB_TOKEN"'
    if DOTS in value:
        return f'-H {quote(f"{name}: ")}"{_variable(name)}"'
    return f"-H {quote(f'{name}: {value}')}"


def _field(line: str) -> str:
    name, _, value = line.partition("=")
    if value == DOTS:
        return f'--data-urlencode {quote(f"{name}=")}"{_variable(name)}"'
    return f"--data-urlencode {quote(line)}"


def _variable(name: str) -> str:
    plain = "".join(character if character.isalnum() and character.isascii() else "_" for character in name.lower())
    return "$" + VARIABLES.get(plain, f"LAB_{plain.upper()}")
