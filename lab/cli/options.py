"""The command line's grammar: commands, options, an example for each."""

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable
from typing import NoReturn

from lab import __version__
from lab.cli.console import Console
from lab.core.errors import UsageError
from lab.settings import LAST_EPOCH, SEEDS, number, origin, screen_size

EXITS = """exit codes: 0 done · 1 a divergence, or a run that ended otherwise than COMPLETE · 2 wrong usage or a bad scenario
            3 an unreadable recording · 4 port, disk · 5 nothing matched · 130 interrupted"""


class Parser(ArgumentParser):
    """An argparse parser that speaks through the console and refuses with UsageError."""

    console = Console()

    def error(self, message: str) -> NoReturn:
        """Refuse a wrong call."""
        raise UsageError(f"{message[:1].upper()}{message[1:].rstrip('.')}.", hint=f"Try: {self.prog} --help")

    def _print_message(self, message: str, file: object = None) -> None:
        self.console.out(message.rstrip("\n"))


def parser(console: Console) -> Parser:
    """The whole grammar."""
    Parser.console = console
    root = Parser(
        prog="lab",
        description="A scripted mock of an asynchronous agent API, an external app that calls it, recordings that replay.",
        epilog=EXITS,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    root.add_argument("--version", action="version", version=f"lab {__version__}")
    commands = root.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, does: str, example: str) -> Parser:
        made: Parser = commands.add_parser(
            name,
            help=does,
            description=does,
            epilog=f"example:\n  {example}",
            formatter_class=RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        return made

    _demo(command("demo", "show one run on the screen: mock and external app", "lab demo item-comparison"))
    _serve(command("serve", "the mock alone, for your own client", "lab serve item-comparison --port 8080"))
    _run(command("run", "one run of the external app as a transcript", "lab run item-comparison --speed instant"))
    _replay(command("replay", "evaluate recordings again and compare", "lab replay recordings/*.rec.jsonl"))
    _check(command("check", "complaints and warnings about scenarios", "lab check scenarios/ --strict"))
    _watch(command("watch", "a running lab on the screen: what others' clients do", "lab watch http://127.0.0.1:8081"))
    _play(command("play", "a recording on the screen, played back", "lab play item-comparison"))
    _drill(command("drill", "every variant of a scenario with one fault", "lab drill item-comparison --family W,P"))
    _show(command("show", "a recording as a transcript, or as a film", "lab show item-comparison"))
    _one(command("repair", "make an open or torn recording whole", "lab repair recordings/cut.rec.jsonl"), "FILE")
    _one(command("new", "print a commented scenario to start from", "lab new refund > scenarios/refund.yaml"), "NAME")
    _schema(command("schema", "print the scenario language as JSON Schema", "lab schema > lab.schema.json"))
    _openapi(command("openapi", "print the mocked API as an OpenAPI document", "lab openapi > api.json"))
    _json(command("fidelity", "what is documented, observed, assumed", "lab fidelity | grep assumed"))
    _docs(command("docs", "the reference: the wire, scenarios, recordings, ...", "lab docs control-plane"))
    return root


def port(option: str) -> Callable[[object], int]:
    """Reads the port that an option names."""
    return number(option, 0, 65_535)


def one(text: str) -> tuple[str]:
    """One target, where other commands take several."""
    return (text,)


_seed = number("--seed", 0, SEEDS - 1)


def parse_options(argv: list[str], console: Console) -> Namespace:
    """The flags of one call."""
    return parser(console).parse_args(argv)


def _demo(into: Parser) -> None:
    into.add_argument(
        "targets", nargs="?", type=one, default=("item-comparison",), metavar="SCENARIO", help="a name or a path"
    )
    into.add_argument("--plain", action="store_true", help="lines instead of the screen")
    into.add_argument(
        "--web",
        nargs="?",
        const=8000,
        type=number("--web", 1, 65_535),
        metavar="PORT",
        help="in a browser of this machine; default: 8000",
    )
    into.add_argument(
        "--cast", metavar="FILE",
        help="write what the screen shows as an asciicast, too; its times are the lab's, so --speed doesn't shorten it",
    )  # fmt: skip
    _world(into)
    _ports(into)
    _runs(into)


def _watch(into: Parser) -> None:
    into.add_argument("target", metavar="URL", help="the control plane as lab serve prints it, or HOST:PORT")
    into.add_argument("--plain", action="store_true", help="lines instead of the screen")
    _folder(into)


def _play(into: Parser) -> None:
    into.add_argument("target", metavar="FILE", help="a recording, by path or bare name")
    into.add_argument("--plain", action="store_true", help="lines instead of the screen")
    _folder(into)


def _serve(into: Parser) -> None:
    into.add_argument("targets", nargs="*", metavar="SCENARIO", help="names or paths; none: all in the folder")
    _world(into)
    _ports(into, usual=8080)
    into.add_argument("--base", dest="public", type=origin, metavar="URL", help="the origin that URLs in answers name")
    into.add_argument("--tls", action="store_true", help="serve https too, by an authority made for this start")
    into.add_argument(
        "--tls-port", default=8443, type=port("--tls-port"), metavar="PORT", help="of https; default: 8443"
    )
    into.add_argument("--tls-name", action="append", metavar="NAME", help="a further name for the certificate")
    into.add_argument("--clock", metavar="CLOCK", help="real (default), scaled:N, manual")


def _run(into: Parser) -> None:
    into.add_argument("targets", type=one, metavar="SCENARIO", help="a name or a path")
    _world(into)
    _ports(into)
    _runs(into)


def _replay(into: Parser) -> None:
    into.add_argument("targets", nargs="+", metavar="FILE", help="recordings, by path, pattern or bare name")
    _folder(into)
    into.add_argument("--json", action="store_true", help="the counts as one line of JSON")


def _check(into: Parser) -> None:
    into.add_argument("targets", nargs="+", metavar="PATH", help="scenarios by name or path, or folders of them")
    _folder(into)
    into.add_argument("--strict", action="store_true", help="a warning fails too")
    into.add_argument(
        "--plan", action="store_true", help="print the timeline that the seed settles, and the planned faults"
    )
    into.add_argument(
        "--seed",
        type=_seed,
        metavar="N",
        help="for --plan; default: the scenario's own, else 0 (a run without one draws a fresh one)",
    )


def _drill(into: Parser) -> None:
    into.add_argument("target", metavar="SCENARIO", help="a happy one: it ends COMPLETE")
    _folder(into)
    into.add_argument("--seed", type=_seed, metavar="N", help="the integer from which all chance is drawn")
    into.add_argument("--out", metavar="DIR", help="write them there, a file each, instead of listing them")
    into.add_argument("--force", action="store_true", help="overwrite what is there")
    into.add_argument("--family", metavar="W,P", help="W wire, R refusal, K token, V invoke, P poll, G gate, Z ending")
    into.add_argument("--only", metavar="NAME", help="just this one")
    into.add_argument("--json", action="store_true", help="one object a line, the scenario in it")


def _one(into: Parser, what: str) -> None:
    into.add_argument("target", metavar=what)


def _show(into: Parser) -> None:
    _one(into, "FILE")
    into.add_argument(
        "--as", dest="kind", choices=("text", "cast"), help="text (default), or cast: asciicast v2 of the screen"
    )
    into.add_argument("--size", type=screen_size, metavar="COLUMNSxROWS", help="of the cast's screen; default: 120x36")
    into.add_argument("--light", action="store_true", help="film on the light stage")
    _folder(into)


def _json(into: Parser) -> None:
    into.add_argument("--json", action="store_true", help="one object a line")


def _docs(into: Parser) -> None:
    into.add_argument("page", nargs="?", metavar="PAGE", help="none: list the pages")


def _schema(into: Parser) -> None:
    into.add_argument("--settings", action="store_const", const="settings", help="of the settings file instead")


def _openapi(into: Parser) -> None:
    into.add_argument("--set", action="append", metavar="NAME=VALUE", help="set a switch of the mock, such as pod")
    into.add_argument("--settings", metavar="FILE", help="a file of switches")


def _folder(into: Parser) -> None:
    into.add_argument("--scenarios", metavar="DIR", help="default: ./scenarios if there, else the shipped ones")


def _world(into: Parser) -> None:
    _folder(into)
    into.add_argument("--seed", type=_seed, metavar="N", help="the integer from which all chance is drawn")
    into.add_argument(
        "--epoch",
        type=number("--epoch", 0, LAST_EPOCH),
        metavar="SECONDS",
        help="the wall time of instant 0, in seconds since 1970",
    )
    into.add_argument("--record", metavar="FILE", help="record to recordings/FILE.rec.jsonl, or to a path")
    into.add_argument("--force", action="store_true", help="rename an existing recording out of the way")
    into.add_argument("--reviewer", choices=("person", "script"), help="who answers gates")
    into.add_argument("--profile", choices=("oci", "rfc"), help="which dialect the mock speaks where sources differ")
    into.add_argument("--set", action="append", metavar="NAME=VALUE", help="set a switch of the mock")
    into.add_argument("--settings", metavar="FILE", help="YAML: switches, limits, accounts (lab schema --settings)")
    into.add_argument("--json", action="store_true", help="results as JSON, one line each")


def _ports(into: Parser, usual: int | None = None) -> None:
    into.add_argument("--host", metavar="HOST", help="default: 127.0.0.1")
    into.add_argument("--i-know-this-is-exposed", action="store_true", help="allow a --host that others can reach")
    shown = "0 (any free one)" if usual is None else str(usual)
    into.add_argument(
        "--port", default=usual, type=port("--port"), metavar="PORT", help=f"of the mock; default: {shown}"
    )
    into.add_argument(
        "--control-port",
        type=port("--control-port"),
        metavar="PORT",
        help="of the control plane; default: any free one",
    )


def _runs(into: Parser) -> None:
    pace = into.add_mutually_exclusive_group()
    pace.add_argument("--speed", metavar="SPEED", help="a factor such as 20, or instant: a manual clock, no waiting")
    pace.add_argument("--clock", metavar="CLOCK", help="real (default), scaled:N, manual")
    into.add_argument("--base", metavar="URL", help="call this server instead (LAB_TOKEN_URL, LAB_CLIENT_ID, ...)")
