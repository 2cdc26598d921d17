"""The options of a mock that say how it is paced, recorded, reviewed, logged and served, those of the lab's own app, and of a playback."""

from typing import Any

from lab.cli.grammar.option_kinds import either, flag, json_object, option, port, span
from lab.core.ranges import number

RECORD_OPTION = option(
    "--record",
    "FILE",
    "record to recordings/FILE.rec.jsonl, or to a path; default: no recording; --force renames one that exists",
)
REVIEWER_OPTION = option(
    "--reviewer",
    None,
    "who answers gates; default: a person on the screen, else the script",
    choices=("person", "script"),
)
AS_OPTION = option(
    "--as", "USER", "who asks: a user of --settings, or jane; default: whom the scenario is for", dest="caller"
)
MOCK_CLOCK = option(
    "--clock", "CLOCK", "real (default), scaled:N as scaled:60, or manual: the control plane alone moves it"
)
_RUN_CLOCK = option("--clock", "CLOCK", "real (default) or scaled:N; not with --speed")
_SPEED = "a factor such as 20 (default: 1), or instant: nothing waits, nor listens; not with --clock"
_BASE = (
    "call this server, with LAB_TOKEN_URL, LAB_CLIENT_ID, LAB_CLIENT_SECRET, LAB_SCOPE; default: the lab's own mock,"
    " whose options it excludes: --as --seed --epoch --profile --set --settings --host --port --control-port --speed instant"
)
_TRIES: Any = {"type": number("--tries", 1, 1_000)}
OWN_APP = (
    either(option("--speed", "SPEED", _SPEED), _RUN_CLOCK),
    option("--base", "URL", _BASE),
    option("--dialect", "NAME", "the wire that the external app speaks: fusion (default), a2a"),
    option("--tries", "N", "calls that may fail in a row before the external app gives up; default: 5", **_TRIES),
)
_PARAMETERS: Any = {"type": json_object("--parameters")}
MESSAGE_OPTIONS = (
    option("--message", "TEXT", "ask this in place of the scenario's own first message; expect isn't compared then"),
    option("--parameters", "JSON", "send this object in place of that message's parameters; likewise", **_PARAMETERS),
)
TLS_OPTIONS = (
    flag("--tls", "serve https too, by an authority made for this start"),
    port("--tls-port", "https", 8443),
    option("--tls-name", "NAME", "a further name for the certificate", action="append"),
)
_WORKERS: Any = {"type": number("--workers", 1, 64)}
_DRAIN = "serve on for so long once it is to end, unready, for a proxy to notice; default: 0s"
_TENANTS: Any = {"type": number("--tenants", 0, 1_000)}
SERVE_OPTIONS = (
    option(
        "--from",
        "FILE",
        "play this recording back; not with SCENARIO, --seed, --reviewer, --set, --profile, --drills, --family, --only, --journal",
        dest="source",
    ),
    either(
        flag("--by-count", "of a recording: the n-th poll gets the n-th answer, whenever it comes"),
        flag("--strict", "of a recording: the same calls in the same order, or none"),
    ),
    flag("--repeat", "of a recording: once all was played, begin again with other ids"),
    flag("--without-faults", "of a recording: leave out what failed or was refused"),
    option("--latency", None, "of a recording: as it was (default), or none", choices=("recorded", "none")),
    option(
        "--log",
        None,
        "a line a request on stderr, without bodies and credentials; default: text on a terminal, else none",
        choices=("text", "json", "none"),
    ),
    option("--tenants", "N", "calls to /t/NAME, or with X-Lab-Tenant: NAME, make as many; default: 0", **_TENANTS),
    option("--ledger", "URL", "share the lab with other processes: redis://HOST/DB keeps what is accepted"),
    option("--ledger-prefix", "PREFIX", "what the store's keys begin with, another for each lab; default: lab"),
    option("--workers", "N", "so many processes serve the lab at one port, up to 64; needs --ledger", **_WORKERS),
    option("--journal", "FILE", "keep what is accepted in FILE, tokens too; the next start goes on from it"),
    option("--drain", "DURATION", _DRAIN, type=span("--drain"), default=0),
    flag("--with-parent", "end as soon as stdin ends or the process that started it is gone"),
)
"""Of `lab serve` alone: a playback, the log, and who shares what is served."""
