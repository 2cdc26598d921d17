"""A recording in which every text that a peer can choose is hostile to whatever shows it."""

from typing import Any
from urllib.parse import urlencode

from msgspec.structs import replace

from lab.core.exchange import Json
from lab.recording.format.codec import write
from lab.recording.format.lines import ClockSpec, Enc, FactLine, Header, Recording, Req, Res
from lab.recording.format.reader import read

TEXTS = (
    'it\'s $HOME `id` $(id) "q" \\ !!',
    "<script>alert(1)</script><img src=http://evil.example/x onerror=alert(1)>",
    "```\n~~~~\n````` end\n# head",
    "::error file=x::boo\n##[error]boo\n##vso[task.setvariable]x",
    "\x1b[2J\x1b]0;title\x07\x9b31m\r\x00",
    "\u202egnp.exe\u2066\u2028\u2029\ufeff\ud800",
    "\nEOF\nEND\n' \\\n; rm -rf / #",
    "--output /tmp/x @/etc/passwd -K-",
    "{{ 7 * 7 }}{% raw %}</style></textarea>-->]]>",
    "lab-S1-secret-x lab-T1-token lab-T9-token lab-C1-secret http://lab.invalid LABU7CODE",
    "&lt;b&gt; &#x2F; javascript:alert(1) data:text/html,x",
    "",
)
"""What may stand anywhere."""
FORM = (("content-type", "application/x-www-form-urlencoded"),)
_NO_PATH = str.maketrans("", "", " \\?")
"""What no path has that is asked again."""


def hostile(text: str) -> Recording:
    """Calls of which each text is this one, as far as a reader lets it be."""
    header = Header(
        lab="0.1.0",
        settings={"base": "http://127.0.0.1:8080"},
        clock=ClockSpec(mode="manual", epoch="2026-01-01T00:00:00Z"),
    )
    line = "".join(char for char in text if char.isprintable())  # a header's value, a path: no controls reach a route
    headers = (("content-type", "text/plain"), ("x-note", line))
    bodies: list[tuple[Enc, Json]] = [
        (Enc.JSON, {"message": text, "jobId": text, "deep": [{text: text}]}),
        (Enc.TEXT, text),
        (Enc.TEXT, urlencode([("note", text), (text, "x")], errors="surrogatepass")),
        (Enc.B64, "/wB4Jw=="),
        (Enc.NONE, None),
    ]
    lines: list[Req | Res | FactLine] = []
    for x, (enc, value) in enumerate(bodies, 1):
        n = len(lines) + 1
        body: Any = {} if enc is Enc.NONE else {"value": value}
        url = f"/a/{line.translate(_NO_PATH)[:60]}?{urlencode({'q': text}, errors='surrogatepass')}"
        sent = FORM if x == 3 else headers
        lines.append(Req(n=n, t=0, x=x, c=1, method="POST", url=url, headers=sent, enc=enc, **body))
        lines.append(FactLine(n=n + 1, t=0, fact={"type": "tape.noted", "text": text}))
        lines.append(Res(n=n + 2, t=0, x=x, status=200, headers=sent, enc=enc, **body))
    whole = read(write([header, *lines], "closed", 0))
    return replace(whole, name=text[:40])


ASTRAY = (
    "@evil.example/s",
    "a@evil.example:81",
    ".evil.example/s",
    "0/",
    "http://evil.example/s",
    "*",
    "\\\\evil.example",
)
"""Paths of recordings that nobody's client has sent: behind an origin they could name another server."""


def astray(path: str) -> Recording:
    """A call of that path, with a token."""
    header = Header(lab="0.1.0", settings={}, clock=ClockSpec(mode="manual", epoch="2026-01-01T00:00:00Z"))
    headers = (("authorization", "Bearer lab-T1-token"),)
    req = Req(n=1, t=0, x=1, c=1, method="GET", url=path, headers=headers, enc=Enc.NONE)
    return read(write([header, req, Res(n=2, t=0, x=1, status=404, headers=(), enc=Enc.NONE)], "closed", 0))
