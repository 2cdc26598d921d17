"""The command line's grammar, a table: commands, an example for each, options."""

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from typing import Any, NoReturn

from lab.cli.console import Console
from lab.cli.grammar.command_table import COMMANDS, EXITS
from lab.cli.grammar.mistyped import BELOW_ZERO, refuse_unknown_command, refuse_unknown_options
from lab.cli.grammar.option_kinds import Option, flag, option, origin, port, screen_size, seed, with_values
from lab.cli.grammar.report_options import DRILL_OPTIONS, REPORT_OPTIONS, VERDICT_OPTIONS
from lab.cli.grammar.run_options import (
    AS_OPTION,
    MESSAGE_OPTIONS,
    MOCK_CLOCK,
    OWN_APP,
    RECORD_OPTION,
    REVIEWER_OPTION,
    SERVE_OPTIONS,
    TLS_OPTIONS,
)
from lab.cli.grammar.screen_options import BROWSER, FILM_HELP, NO_PHONE, PHONE_HELP, SCREEN
from lab.cli.grammar.simulate_options import SIMULATE_OPTIONS
from lab.cli.installation import version_text
from lab.core.clock import LAST_WALL
from lab.core.errors import UsageError
from lab.core.ranges import number


class Parser(ArgumentParser):
    """An argparse parser that speaks through the console and refuses with UsageError."""

    console = Console()

    def error(self, message: str) -> NoReturn:
        """Refuse a wrong call."""
        raise UsageError(f"{message[:1].upper()}{message[1:].rstrip('.')}.", hint=f"Try: {self.prog} --help")

    def _print_message(self, message: str, file: object = None) -> None:
        self.console.out(message.rstrip("\n"))


class WholeWords(RawDescriptionHelpFormatter):
    """Help in which no option is broken at a dash."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        from textwrap import wrap  # as argparse has it, only help needs it

        return wrap(" ".join(text.split()), width, break_on_hyphens=False)


def grammar(argv: Sequence[str]) -> tuple[Parser, dict[str, Parser]]:
    """The parser of a call, and those of its commands: with the options of the commands that the call names."""
    how: Any = {"formatter_class": WholeWords, "allow_abbrev": False}
    root = Parser(
        prog="lab",
        description="A scripted mock of an asynchronous agent API, an external app that calls it, recordings that replay.\nOn a terminal lab alone shows the demo.",
        epilog=EXITS,
        **how,
    )
    root.add_argument("--version", action="version", version=version_text() if "--version" in argv else "")
    commands = root.add_subparsers(dest="command", metavar="COMMAND", required=True)
    # who names a command needs no parser of the others
    for name in argv[:1] if argv[:1] and argv[0] in COMMANDS else COMMANDS:
        does, example = COMMANDS[name]
        command = commands.add_parser(name, help=does, description=does, epilog=f"example:\n  {example}", **how)
        command._negative_number_matcher = BELOW_ZERO
        for add in _OPTIONS[name] if name in argv else ():  # the help of all needs the options of none
            add(command)
        if name == "rehearse":
            command.usage = f"{command.format_usage().removeprefix('usage: ').rstrip()} -- COMMAND ..."
    return root, commands.choices


def parse_options(argv: list[str], console: Console) -> Namespace:
    """The flags of one call."""
    Parser.console = console
    refuse_unknown_command(argv)
    root, commands = grammar(argv)
    # what follows -- is somebody's command, whose options are its own
    cut = argv.index("--") if argv[:1] == ["rehearse"] and "--" in argv else len(argv)
    options, unknown = root.parse_known_args(with_values(argv[:cut]))
    refuse_unknown_options(unknown, commands[options.command], lambda: grammar(["", *COMMANDS])[1])
    options.command_line = argv[cut + 1 :]
    return options


# Options

_CHANCE = "the integer from which all chance is drawn"
_FOLDER = option("--scenarios", "DIR", "where names are sought, before the shipped ones; default: ./scenarios")
_EPOCH = number("--epoch", 0, LAST_WALL)
_SETTINGS = option("--settings", "FILE", "YAML: switches, limits, accounts (lab schema --settings)")
_SWITCHES = (
    option("--profile", None, "which reading the mock follows where sources differ", choices=("oci", "rfc")),
    option("--set", "NAME=VALUE", "set a switch of the mock", action="append"),
    _SETTINGS,
)
_MOCK = (
    _FOLDER,
    seed(_CHANCE),
    option("--epoch", "SECONDS", "the wall time of instant 0, in seconds since 1970", type=_EPOCH),
    RECORD_OPTION,
    flag("--force", "rename an existing recording out of the way"),
    REVIEWER_OPTION,
    *_SWITCHES,
    flag("--json", "results as JSON, one line each"),
    option("--host", "HOST", "default: 127.0.0.1"),
    flag("--i-know-this-is-exposed", "allow a --host that others can reach"),
)
_CONTROL_PORT = port("--control-port", "the control plane", shown="any free one")
_CA = option("--ca", "FILE", "trust these certificates too, in PEM, to be the pod's")
_ALLOW_HOST = option("--allow-host", "HOST", "a host that isn't this machine and may be called", action="append")
_RUN = (
    *_MOCK,
    port("--port", "the mock", shown="0 (any free one)"),
    _CONTROL_PORT,
    AS_OPTION,
    *OWN_APP,
)
_ONE_SCENARIO: Any = {"help": "a name or a path", "type": lambda text: (text,)}
"""As a tuple of one target, where other commands take several."""

_PUBLIC: Any = {"dest": "public", "type": origin}
_RUNS: Any = {"type": number("--runs", 1, 100_000)}
_PARALLEL: Any = {"type": number("--parallel", 1, 64), "default": 8}
_REHEARSAL = (
    _FOLDER,
    seed(_CHANCE),
    option("--clock", "CLOCK", "real (default), or scaled:N"),
    flag("--virtual", "your client, in Python, lives by the lab's clock: nothing waits"),
    *_SWITCHES,
    flag("--tls", "https, by an authority made for each run: LAB_CA_FILE names it"),
    option("--parallel", "N", "runs at a time; default: 8", **_PARALLEL),
    option("--limit", "DURATION", "of a run; default: the length of its jobs and 10m"),
    option("--env", "NAME=TEMPLATE", "a variable of the client's own, as API='{base_url}/v1'", action="append"),
    option("--out", "DIR", "keep all recordings there; default: those of what failed, in a folder that is named"),
)

_AGAINST = (
    option("--against", "URL", "send the requests to this server instead, and compare what it answers"),
    option("--tokens", "URL", "its identity domain; default: LAB_TOKEN_URL, else the same origin"),
    _ALLOW_HOST,
    option("--pace", "PACE", "of the requests: recorded (default), fast, or xN"),
    option("--patience", "DURATION", "how long a job may take; default: twice as long as recorded, and a minute"),
    option("--time-tolerance", "DURATION", "compare times too, and let them differ by so much"),
    _CA,
    _SETTINGS,
)

_FORM: Any = {"choices": ("text", "har", "curl", "md", "html", "cast"), "default": "text", "dest": "kind"}

_OPTIONS: dict[str, tuple[Option, ...]] = {
    "demo": (
        option("targets", "SCENARIO", **_ONE_SCENARIO, nargs="?", default=("item-comparison",)),
        *SCREEN,
        option("--web", "PORT", "in a browser of this machine; default: 8000", **BROWSER),
        option("--cast", "FILE", FILM_HELP),
        option("--phone", "=HOST:PORT", PHONE_HELP),
        *_RUN,
    ),
    "serve": (
        option("targets", "SCENARIO", "names or paths; none: all in the folder", nargs="*"),
        *_MOCK,
        port("--port", "the mock", 8080),
        _CONTROL_PORT,
        option("--control-name", "NAME", "a further Host of the control plane, with that allowance", action="append"),
        option("--base", "URL", "the origin that URLs in answers name; default: where the lab listens", **_PUBLIC),
        option("--drills", "SCENARIO", "its drills can be chosen too, each by /scenario/NAME or X-Lab-Scenario: NAME"),
        *DRILL_OPTIONS,
        *SERVE_OPTIONS,
        *TLS_OPTIONS,
        MOCK_CLOCK,
    ),
    "run": (option("targets", "SCENARIO", **_ONE_SCENARIO), *MESSAGE_OPTIONS, *_RUN),
    "capture": (
        option("target", "NAME", "the recording: a name for recordings/, or a path"),
        option("--pod", "URL", "the pod's origin, which your client calls by the lab", required=True),
        option("--tokens", "URL", "where tokens are granted, if elsewhere; default: the pod"),
        option(
            "--bodies", None, "kept (default), or their shape alone: names, types, lengths", choices=("kept", "shape")
        ),
        _CA,
        _ALLOW_HOST,
        flag("--force", "rename an existing recording out of the way"),
        flag("--json", "what to call, as one line of JSON"),
        port("--port", "the proxy", 8080),
        *TLS_OPTIONS,
    ),
    "replay": (
        option("targets", "FILE", "recordings, by path, pattern or bare name", nargs="+"),
        _FOLDER,
        *VERDICT_OPTIONS,
        flag("--regenerate", "draw generated data and durations anew, instead of taking those recorded"),
        flag("--accept", "put those that differ in the old ones' place, once that was shown and agreed to"),
        flag("--yes", "don't ask"),
        flag("--accept-unfinished", "also those in which a job ends no longer, so that nothing holds its output"),
        *_AGAINST,
    ),
    "check": (
        option("targets", "PATH", "scenarios by name or path, or folders of them", nargs="+"),
        _FOLDER,
        flag("--strict", "a warning fails too"),
        flag("--plan", "print the timeline that the seed settles, and the planned faults"),
        AS_OPTION,
        option("--settings", "FILE", "warn of users, roles and clients that it doesn't know"),
        seed("for --plan; default: the scenario's own, else 0 (a run without one draws a fresh one)"),
        *VERDICT_OPTIONS,
    ),
    "watch": (
        option("target", "URL", "the control plane as lab serve prints it, or HOST:PORT"),
        *SCREEN,
        NO_PHONE,
        _FOLDER,
    ),
    "play": (
        option("target", "FILE", "a recording: a path, or a name in ./recordings or of those shipped"),
        *SCREEN,
        NO_PHONE,
        _FOLDER,
    ),
    "drill": (
        option("target", "SCENARIO", "a happy one: it ends COMPLETE"),
        _FOLDER,
        seed(_CHANCE),
        option("--out", "DIR", "write them there, a file each, instead of listing them; with --json both"),
        flag("--force", "overwrite what is there"),
        *DRILL_OPTIONS,
        flag("--json", "one object a line, the scenario in it"),
    ),
    "show": (
        option("target", "FILE"),
        option("--as", None, "text (default), HAR 1.2, a script of curl, Markdown, a page, a film", **_FORM),
        option("--size", "COLUMNSxROWS", "of the cast's screen; default: 120x36", type=screen_size, default="120x36"),
        flag("--line-numbers", "before each line of the recording its number, by which reports cite it"),
        flag("--light", "film on the light stage"),
        option("--stage", "=SECONDS", "film act after act, each so long; default: 3", type=number("--stage", 0, 60)),
        _FOLDER,
    ),
    "simulate": (option("targets", "SCENARIO", **_ONE_SCENARIO), _FOLDER, *_SWITCHES, AS_OPTION, *SIMULATE_OPTIONS),
    "rehearse": (
        option(
            "targets",
            "SCENARIO",
            "names or paths; none: quick approval rejected failing two-turns busy bad-line odd-status",
            nargs="*",
        ),
        option("--drills", "SCENARIO", "its drills instead"),
        flag("--search", "look for the fewest faults with which it doubles or loses a job, in quick if none is named"),
        option("--runs", "N", "of a search: starts of the client at most, shrinking included; default: 200", **_RUNS),
        *DRILL_OPTIONS,
        *_REHEARSAL,
        *REPORT_OPTIONS,
    ),
    "report": (
        option("targets", "FILE", "recordings by path, pattern or bare name; or the URL of a control plane", nargs="+"),
        _FOLDER,
        *REPORT_OPTIONS,
    ),
    "repair": (option("target", "FILE"),),
    "new": (option("target", "NAME"),),
    "learn": (
        option("target", "FILE", "a recording by path or bare name, a HAR file, or a VCR cassette"),
        option("--name", "NAME", "what the scenario is called; default: after the file"),
        option(
            "--status", "PATH", "of an API that the lab doesn't speak: where answers hold the status, as $.data.state"
        ),
        option("--words", "STATUS=WORDS", "what its words mean, as RUNNING=queued,in_progress", action="append"),
    ),
    "schema": (option("--settings", None, "of the settings file instead", action="store_const", const="settings"),),
    "openapi": (
        option("--set", "NAME=VALUE", "set a switch of the mock, such as pod", action="append"),
        option("--settings", "FILE", "a file of switches"),
    ),
    "fidelity": (
        option("target", "CAPTURE", "a recording of a pod, by path or bare name; none: the table", nargs="?"),
        flag("--json", "one object a line, of a capture and the counts"),
    ),
    "completion": (option("shell", None, "of which shell", choices=("bash", "zsh", "fish")),),
    "doctor": (
        option("target", "CONTROL_URL", "of a running lab, with LAB_CONTROL_TOKEN; none: the surroundings", nargs="?"),
        flag("--json", "what was found, as one line of JSON"),
    ),
    "docs": (option("page", "PAGE", "none: list the pages", nargs="?"),),
}
"""In the order in which the help lists them."""
