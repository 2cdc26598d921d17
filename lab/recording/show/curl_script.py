"""A recording as a script that asks the same again with curl, and says where it gets another status (recordings.md §9)."""

import re
from base64 import b64decode
from collections.abc import Iterator

from lab.core.clock import Millis
from lab.core.exchange import header_of, is_target
from lab.dialects.router import ROUTER
from lab.recording.format.lines import Body, Enc, Recording, Req
from lab.recording.format.text import dumps
from lab.recording.redaction.alias import kind_of, made_number
from lab.recording.redaction.bodies import Blob
from lab.recording.show.har import recorded_base
from lab.recording.show.shell import LEFT_OUT, curl_command, shell_word
from lab.recording.show.shell_variables import ShellVariables, text_of_body
from lab.recording.tape.recorded_calls import RecordedCall, body_within, calls_in, encoded_pair, query_text

_LONGEST_WORD = 30_000
"""Characters of a body that is an argument: systems take no longer ones than 128 KiB."""
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HERE = re.compile(r"https?://(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?:[:/].*)?")
_NUMBER = re.compile('"(«number:[^»]*»)"')

_FUNCTIONS = """\
answer=$(mktemp) && headers=$(mktemp) && sent=$(mktemp) || exit 4
trap 'rm -f "$answer" "$headers" "$sent"' EXIT
differ=0
# call NUMBER STATUS: asks, and holds the status against the recorded one
call() {
  number=$1 recorded=$2; shift 2
  status=$(curl -s -g --proto =http,https --path-as-is -o "$answer" -D "$headers" -w '%{http_code}' "$@")
  if [ "$status" = "$recorded" ]; then echo "$number: $status"
  else differ=1; echo "$number: $status, recorded: $recorded"; fi
}
# member NAME N: the n-th text of that name in the answer
member() { grep -o "\\"$1\\": *\\"[^\\"]*\\"" "$answer" | sed -n "$2s/^[^:]*: *\\"\\(.*\\)\\"\\$/\\1/p"; }
# parameter NAME: what the answer's Location has for it
parameter() { sed -n "s/^[Ll]ocation:.*[?&]$1=\\([^&[:space:]]*\\).*/\\1/p" "$headers"; }
pause() { sleep "$(awk -v seconds="$1" -v speed="$LAB_SPEED" 'BEGIN { print seconds / speed }')"; }
"""


def curl_script(recording: Recording, blob: Blob) -> Iterator[str]:
    """The lines of the script."""
    variables = ShellVariables(recording, blob)
    token_path = token_path_in(recording)
    yield from _head(recording, variables, token_path)
    writer = CurlWriter(variables, blob, token_path)
    until: Millis = 0
    for call in calls_in(recording):
        yield ""
        if call.req.t > until:
            yield f"pause {(call.req.t - until) / 1000:.3f}"
        yield from writer.lines(call, f"call {call.req.x} {call.res.status if call.res is not None else 0:03d}")
        yield from (f"{one.variable}=$({one.how})" for one in variables.captures.get(call.req.x, ()))
        until = max(until, call.req.t if call.res is None else call.res.t)
    yield "\nexit $differ"


def _head(recording: Recording, variables: ShellVariables, token_path: str | None) -> Iterator[str]:
    header = recording.header
    names = " ".join(_comment(one.name) for one in header.scenarios or ())
    seed = f" --seed {header.seed}" if header.seed is not None else ""
    yield "#!/bin/sh"
    yield "# Asks again what was recorded, at the same pace, and prints each status; exit 1 if one is another."
    yield f"# To be asked of a lab that starts anew: lab serve {names}{seed}".rstrip()
    yield "# With another seed jobs take other times. LAB_SPEED=20 goes with --clock scaled:20."
    for name, alias in variables.needed.items():
        yield f': "${{{name}:?has to be set: {alias[1:-1]}}}"'
    base = recorded_base(header)
    if _HERE.fullmatch(base):
        yield f"LAB_BASE=${{LAB_BASE:-{shell_word(base)}}}"
    else:
        # secrets go there: only who runs the script can say whether they may
        yield f': "${{LAB_BASE:?has to be set: recorded at {base}}}"'
    if token_path is not None:
        yield f'LAB_TOKEN_URL=${{LAB_TOKEN_URL:-"$LAB_BASE"{variables.word(token_path)}}}'
    yield "LAB_SPEED=${LAB_SPEED:-1}"
    yield ""
    yield from _FUNCTIONS.splitlines()


def _comment(text: str) -> str:
    return dumps(text)[1:-1].replace("##", "#\\u0023")


def token_path_in(recording: Recording) -> str | None:
    """Where tokens were asked for, if they were."""
    paths = (call.req.path for call in calls_in(recording) if ROUTER.name(call.req.method, call.req.path) == "token")
    return next(paths, None)


class CurlWriter:
    """Writes calls as commands."""

    def __init__(self, variables: ShellVariables, blob: Blob, token_path: str | None) -> None:
        """`token_path` is that for which `LAB_TOKEN_URL` stands."""
        self._variables = variables
        self._word = variables.word
        self._blob = blob
        self._token_path = token_path

    def lines(self, call: RecordedCall, begin: str = "curl") -> Iterator[str]:
        """The command, and before it what puts its body into the file `$sent` if no argument holds that."""
        req, res = call.req, call.res
        target = (req.path + query_text(req)).replace("#", "%23")
        if (why := _unasked(req, target)) is not None:
            yield f"# {req.x} isn't asked: {why}"
            return
        body = body_within(req.body, self._blob)
        fields = list(self._fields(body))
        options = [*self._headers(req, bool(fields), body), *fields]
        if not fields and body.enc is not Enc.NONE:
            file, option = self._content(body)
            yield from file
            options.append(option)
        if res is not None and res.cut == "client_gone":
            options.append(f"--max-time {(res.t - req.t) / 1000:.3f}")
        yield curl_command(begin, req.method, self._address(req, target), options, sends=body.enc is not Enc.NONE)

    def _address(self, req: Req, target: str) -> str:
        if req.path == self._token_path and not req.query:
            return '"$LAB_TOKEN_URL"'
        return f'"$LAB_BASE"{self._word(target)}'

    def _headers(self, req: Req, is_form: bool, body: Body) -> Iterator[str]:
        left_out = LEFT_OUT | {"content-type"} if is_form else LEFT_OUT
        for name, value in req.headers:
            if name in left_out or not _TOKEN.fullmatch(name):
                continue
            yield self._header(name, value)
        if body.enc is not Enc.NONE and not is_form and header_of(req.headers, "content-type") is None:
            yield "-H content-type:"

    def _header(self, name: str, value: str) -> str:
        scheme, _, rest = value.partition(" ")
        if name == "authorization" and scheme.lower() == "basic" and rest.startswith("«") and rest.endswith("»"):
            if kind_of(rest) in ("client", "user"):
                return f"-u {self._variables.login(rest)}:{self._word(rest)}"
        return f"-H {self._word(f'{name}: {value}' if value else f'{name};', scheme.lower())}"

    def _fields(self, body: Body) -> Iterator[str]:
        """The form's fields as options; none where one has what an option doesn't take."""
        pairs = _pairs(body)
        if sum(len(name) + len(value) for name, value in pairs) <= _LONGEST_WORD:
            if all(name.isidentifier() and value.isprintable() for name, value in pairs):
                yield from (f"--data-urlencode {self._word(f'{name}={value}')}" for name, value in pairs)

    def _content(self, body: Body) -> tuple[list[str], str]:
        """The lines that put the body into a file, if it is one that no argument holds, and the option that sends it."""
        if body.enc is Enc.B64:
            text = b64decode(text_of_body(body)).decode(errors="surrogateescape")
        elif body.enc is Enc.FORM:
            text = "&".join(encoded_pair(pair) for pair in _pairs(body))
        else:
            text = text_of_body(body)
        if body.enc is Enc.JSON:
            text = _NUMBER.sub(lambda found: made_number(found[1]) or found[0], text)
        if len(text) <= _LONGEST_WORD and text.isprintable():
            return [], f"--data-raw {self._word(text)}"
        return [f'{{ {"; ".join(self._variables.printed(text))}; }} > "$sent"'], '--data-binary "@$sent"'


def _unasked(req: Req, target: str) -> str | None:
    """Why no command asks it again; None: one does."""
    if req.cut:
        return f"it was cut ({_comment(req.cut)})"
    if req.listener:
        return "it went elsewhere"
    return None if is_target(target) else "what it asks for is no path of a server"


def _pairs(body: Body) -> list[tuple[str, str]]:
    if body.enc is not Enc.FORM or not isinstance(body.value, list):
        return []
    return [(str(pair[0]), str(pair[1])) for pair in body.value if isinstance(pair, list)]
