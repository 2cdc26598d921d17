"""A recording in which every text that a peer can choose is hostile to whatever shows it."""

from urllib.parse import quote, quote_plus

from msgspec.structs import replace

from lab.core.exchange import Json
from lab.recording.format.codec import write
from lab.recording.format.lines import ClockSpec, Enc, Header, Recording, Req, Res
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
    "lab-T1-token lab-T9-token lab-C1-secret https://lab-H1-host.invalid LABU1CODE lab-S0-cut",
    "&lt;b&gt; &#x2F; javascript:alert(1) data:text/html,x",
    "",
)
"""What may stand anywhere."""
_NO_PATH = str.maketrans("", "", " \\")
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
        (Enc.TEXT, f"note={quote_plus(text, errors='surrogatepass')}&{quote(text, errors='surrogatepass')}=x"),
        (Enc.B64, "/wB4Jw=="),
        (Enc.NONE, None),
    ]
    lines: list[Req | Res] = []
    for x, (enc, value) in enumerate(bodies, 1):
        n, body = len(lines) + 1, {} if enc is Enc.NONE else {"value": value}
        url = f"/a/{line.translate(_NO_PATH)[:60].replace('?', '%3F')}?q={quote_plus(text, errors='surrogatepass')}"
        told = ({"type": "tape.noted", "text": text},)
        lines.append(Req(n=n, t=0, x=x, c=1, method="POST", url=url, headers=headers, enc=enc, facts=told, **body))
        lines.append(Res(n=n + 1, t=0, x=x, status=200, headers=headers, enc=enc, **body))
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
    req = Req(n=1, t=0, x=1, c=1, method="GET", url=path, headers=headers)
    return read(write([header, req, Res(n=2, t=0, x=1, status=404)], "closed", 0))
