"""The options of the kernel's commands, a table a command; `lab/kernel.py` names them."""

from lab.cli.grammar.option_kinds import flag, json_object, origin, port, screen_size, seed, span, theme
from lab.core.clock import LAST_WALL
from lab.core.errors import UsageError
from lab.core.ranges import number
from lab.plugin import Option, plugins, strangers


def _wires() -> list[str]:
    return [wire.name for plugin in plugins() for wire in plugin.wires]


def _dialect(text: str) -> str:
    """The name of a wire, a stranger's too."""
    known = _wires()
    if text not in known and text not in (strange := [wire.name for each in strangers() for wire in each.wires]):
        raise UsageError(f"There is no dialect {text!r}.", hint=f"There are {', '.join((*known, *strange))}.")
    return text


def _forms() -> list[str]:
    return [
        *(form.word for plugin in plugins() for form in plugin.forms),
        "cast",
    ]  # a film, which is the screen's affair


def _form(text: str) -> str:
    """The word of a form of recordings, a stranger's too."""
    known = _forms()
    if text not in known and text not in (strange := [form.word for each in strangers() for form in each.forms]):
        raise UsageError(f"--as {text} is no form of recordings.", hint=f"There are {', '.join((*known, *strange))}.")
    return text


def _verdict_form(text: str) -> str:
    if text == "junit":  # which is a form of reports
        raise UsageError("--format junit is no form of verdicts.", hint="JUnit is written by --junit FILE.")
    return text


# Of several commands

CHANCE = "the integer from which all chance is drawn"
FOLDER = Option("--scenarios", "DIR", "where names are sought, before the shipped ones; default: ./scenarios")
ONE_SCENARIO = Option("targets", "SCENARIO", "a name or a path", lambda text: (text,))
"""As a tuple of one target, where other commands take several."""
AS = Option("--as", "USER", "who asks: a user of --settings, or jane; default: whom the scenario is for", kept="caller")
SETTINGS = Option("--settings", "FILE", "YAML: switches, limits, accounts (lab schema --settings)")
SWITCHES = (
    Option("--profile", help="which reading the mock follows where sources differ", choices=("oci", "rfc")),
    Option("--set", "NAME=VALUE", "set a switch of the mock", repeated=True),
    SETTINGS,
)
FORCE = flag("--force", "rename an existing recording out of the way")
_MOCK = (
    FOLDER,
    seed(CHANCE),
    Option("--epoch", "SECONDS", "the wall time of instant 0, in seconds since 1970", number("--epoch", 0, LAST_WALL)),
    Option(
        "--record",
        "FILE",
        "record to recordings/FILE.rec.jsonl, or to a path; default: no recording; --force renames one that exists",
    ),
    FORCE,
    Option(
        "--reviewer",
        help="who answers gates; default: a person on the screen, else the script",
        choices=("person", "script"),
    ),
    *SWITCHES,
    flag("--json", "results as JSON, one line each"),
    Option("--host", "HOST", "default: 127.0.0.1"),
    flag("--i-know-this-is-exposed", "allow a --host that others can reach"),
)
_CONTROL_PORT = port("--control-port", "the control plane", shown="any free one")
_TLS = (
    flag("--tls", "serve https too, by an authority made for this start"),
    port("--tls-port", "https", 8443),
    Option("--tls-name", "NAME", "a further name for the certificate", repeated=True),
)
_CA = Option("--ca", "FILE", "trust these certificates too, in PEM, to be the pod's")
_ALLOW_HOST = Option("--allow-host", "HOST", "a host that isn't this machine and may be called", repeated=True)
_SPEED = "a factor such as 20 (default: 1), or instant: nothing waits, nor listens; not with --clock"
_BASE = (
    "call this server, with LAB_TOKEN_URL, LAB_CLIENT_ID, LAB_CLIENT_SECRET, LAB_SCOPE; default: the lab's own mock,"
    " whose options it excludes: --as --seed --epoch --profile --set --settings --host --port --control-port --speed instant"
)
DEADLINE = Option(
    "--deadline",
    "DURATION",
    "for how long a job may be at work (RUNNING) before the external app gives up, as 2d; default: 1d",
    span("--deadline"),
)
_RUN = (
    *_MOCK,
    port("--port", "the mock", shown="0 (any free one)"),
    _CONTROL_PORT,
    AS,
    Option("--speed", "SPEED", _SPEED, excludes=("--clock",)),
    Option("--clock", "CLOCK", "real (default) or scaled:N; not with --speed"),
    Option("--base", "URL", _BASE),
    Option(
        "--dialect",
        "NAME",
        f"the wire that the external app speaks; default: fusion; there are {', '.join(_wires())}",
        _dialect,
    ),
    Option(
        "--tries",
        "N",
        "calls that may fail in a row before the external app gives up; default: 5",
        number("--tries", 1, 1_000),
    ),
    DEADLINE,
)
_STAGE = Option(
    "--stage",
    "=SECONDS",
    "stage pace: act after act, each held so long in real time (default: 3; 0: until space); P leaves it",
    number("--stage", 0, 60),
    alone="3",
)
_SCREEN = (
    flag("--plain", "lines instead of the screen"),
    Option("--theme", "NAME", "of the screen: dark or light; default: as it was left", theme),
    _STAGE,
)
VERDICT_OPTIONS = (
    Option(
        "--format",
        help="text (default), json, github (default where GITHUB_ACTIONS=true)",
        choices=("text", "json", "github"),
        read=_verdict_form,
        excludes=("--json",),
    ),
    flag("--json", "the same as --format json: a line a file"),
    Option("--junit", "FILE", "write it there as JUnit, too"),
)

# A command each

DEMO_OPTIONS = (
    ONE_SCENARIO._replace(times="?", usual=("item-comparison",)),
    *_SCREEN,
    *_RUN,
)
RUN_OPTIONS = (
    ONE_SCENARIO,
    Option("--message", "TEXT", "ask this in place of the scenario's own first message; expect isn't compared then"),
    Option(
        "--parameters",
        "JSON",
        "send this object in place of that message's parameters; likewise",
        json_object("--parameters"),
    ),
    *_RUN,
)
SERVE_OPTIONS = (
    Option("targets", "SCENARIO", "names or paths; none: all in the folder", times="*"),
    *_MOCK,
    port("--port", "the mock", 8080),
    _CONTROL_PORT,
    Option("--control-name", "NAME", "a further Host of the control plane, with that allowance", repeated=True),
    Option(
        "--base", "URL", "the origin that URLs in answers name; default: where the lab listens", origin, kept="public"
    ),
    Option(
        "--from",
        "FILE",
        "play this recording back; not with SCENARIO, --seed, --reviewer, --set, --profile, --journal, --tenants",
        kept="source",
        excludes=("--seed", "--reviewer", "--set", "--profile", "--journal", "--tenants"),
    ),
    *(
        each._replace(needs=("--from",))
        for each in (
            flag(
                "--by-count",
                "of a recording: the n-th poll gets the n-th answer, whenever it comes",
                excludes=("--strict",),
            ),
            flag("--strict", "of a recording: the same calls in the same order, or none"),
            flag("--repeat", "of a recording: once all was played, begin again with other ids"),
            flag("--without-faults", "of a recording: leave out what failed or was refused"),
            Option("--latency", help="of a recording: as it was (default), or none", choices=("recorded", "none")),
        )
    ),
    Option(
        "--log",
        help="a line a request on stderr, without bodies and credentials; default: text on a terminal, else none",
        choices=("text", "json", "none"),
    ),
    Option(
        "--tenants",
        "N",
        "token requests at /t/NAME, or with X-Lab-Tenant: NAME, make as many; default: 0",
        number("--tenants", 0, 1_000),
    ),
    Option("--ledger", "URL", "share the lab with other processes: redis://HOST/DB keeps what is accepted"),
    Option("--ledger-prefix", "PREFIX", "what the store's keys begin with, another for each lab; default: lab"),
    Option(
        "--workers",
        "N",
        "so many processes serve the lab at one port, up to 64; needs --ledger",
        number("--workers", 1, 64),
    ),
    Option(
        "--worker-timeout",
        "DURATION",
        "end and start again a worker that hangs for so long; default: 10s",
        span("--worker-timeout"),
        needs=("--workers",),
    ),
    Option("--journal", "FILE", "keep what is accepted in FILE, tokens too; the next start goes on from it"),
    flag("--journal-repair", "cut that file where its checksum doesn't fit, and say what is gone")._replace(
        needs=("--journal",)
    ),
    Option(
        "--drain",
        "DURATION",
        "serve on for so long once it is to end, unready, for a proxy to notice; default: 0s",
        span("--drain"),
        usual=0,
    ),
    flag("--with-parent", "end as soon as stdin ends or the process that started it is gone"),
    *_TLS,
    Option("--clock", "CLOCK", "real (default), scaled:N as scaled:60, or manual: the control plane alone moves it"),
)
CAPTURE_OPTIONS = (
    Option("target", "NAME", "the recording: a name for recordings/, or a path"),
    Option("--pod", "URL", "the pod's origin, which your client calls by the lab", required=True),
    Option("--tokens", "URL", "where tokens are granted, if elsewhere; default: the pod"),
    Option("--bodies", help="kept (default), or their shape alone: names, types, lengths", choices=("kept", "shape")),
    _CA,
    _ALLOW_HOST,
    FORCE,
    flag("--json", "what to call, as one line of JSON"),
    port("--port", "the proxy", 8080),
    *_TLS,
)
REPLAY_OPTIONS = (
    Option("targets", "FILE", "recordings, by path, pattern or bare name", times="+"),
    FOLDER,
    *VERDICT_OPTIONS,
    flag("--regenerate", "draw generated data and durations anew, instead of taking those recorded"),
    flag("--accept", "put those that differ in the old ones' place, once that was shown and agreed to"),
    flag("--yes", "don't ask"),
    flag("--accept-unfinished", "also those in which a job ends or begins no longer, so that nothing holds its output"),
    Option("--against", "URL", "send the requests to this server instead, and compare what it answers"),
    Option("--tokens", "URL", "its identity domain; default: LAB_TOKEN_URL, else the same origin"),
    _ALLOW_HOST,
    Option("--pace", "PACE", "of the requests: recorded (default), fast, or xN"),
    Option(
        "--patience",
        "DURATION",
        "how long a job may take; default: twice as long as recorded, and a minute",
        span("--patience"),
    ),
    Option(
        "--time-tolerance", "DURATION", "compare times too, and let them differ by so much", span("--time-tolerance")
    ),
    _CA,
    SETTINGS,
)
CHECK_OPTIONS = (
    Option("targets", "PATH", "scenarios by name or path, or folders of them", times="+"),
    FOLDER,
    flag("--strict", "a warning fails too"),
    flag("--plan", "print the timeline that the seed settles, and the planned faults"),
    AS,
    Option("--settings", "FILE", "warn of users, roles and clients that it doesn't know"),
    seed("for --plan; default: the scenario's own, else 0 (a run without one draws a fresh one)"),
    *VERDICT_OPTIONS,
)
WATCH_OPTIONS = (
    Option("target", "URL", "the control plane as lab serve prints it, or HOST:PORT; LAB_CONTROL_TOKEN opens it"),
    *_SCREEN,
    FOLDER,
)
PLAY_OPTIONS = (
    Option("target", "FILE", "a recording: a path, or a name in ./recordings or of those shipped"),
    *_SCREEN,
    FOLDER,
)
_FILM = ("--as cast",)
_NO_TEXT = tuple(f"--as {form}" for form in _forms() if form != "text")
SHOW_OPTIONS = (
    Option("target", "FILE"),
    Option("--as", "FORM", f"default: text; there are {', '.join(_forms())}", _form, usual="text", kept="kind"),
    Option("--size", "COLUMNSxROWS", "of the cast; default: 120x36", screen_size, usual=(120, 36), needs=_FILM),
    flag("--line-numbers", "before each line of the recording its number, by which reports cite it", excludes=_NO_TEXT),
    flag("--light", "film on the light stage")._replace(needs=_FILM),
    _STAGE._replace(help="film act after act, each so long; default: 3", needs=_FILM),
    FOLDER._replace(needs=_FILM),
)
REPAIR_OPTIONS = (Option("target", "FILE"),)
NEW_OPTIONS = (Option("target", "NAME"),)
SCHEMA_OPTIONS = (
    flag("--settings", "of the settings file instead"),
    flag("--recording", "of a line of a recording instead"),
)
OPENAPI_OPTIONS = (
    Option("--set", "NAME=VALUE", "set a switch of the mock, such as pod", repeated=True),
    Option("--settings", "FILE", "a file of switches"),
)
FIDELITY_OPTIONS = (
    Option(
        "target",
        "CAPTURE",
        "a recording of a pod, by path or bare name; none: the table",
        times="?",
    ),
    flag("--json", "one object a line, of a capture and the counts"),
)
COMPLETION_OPTIONS = (Option("shell", None, "of which shell", choices=("bash", "zsh", "fish")),)
DOCTOR_OPTIONS = (
    Option("target", "CONTROL_URL", "of a running lab, with LAB_CONTROL_TOKEN; none: the surroundings", times="?"),
    flag("--json", "what was found, as one line of JSON"),
)
DOCS_OPTIONS = (Option("page", "PAGE", "none: list the pages", times="?"),)
