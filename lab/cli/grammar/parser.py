"""From a call to its options: argparse, made of the declarations of `lab/plugin.py`."""

import re
from argparse import SUPPRESS, ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn, Protocol, cast

from lab.cli.console import Console
from lab.cli.installation import version_text
from lab.core.errors import UsageError
from lab.plugin import Addition, CliCommand, Option, broken_strangers, plugins, resolve, strangers

EXITS = """exit codes: 0 done · 1 a divergence, or a run that went otherwise than expected · 2 wrong usage or a bad scenario
            3 an unreadable recording · 4 port, disk · 5 nothing matched · 70 a bug of the lab · 130 interrupted"""
_DESCRIPTION = """\
A scripted mock of an asynchronous agent API, an external app that calls it, recordings that replay.
On a terminal lab alone shows the demo."""
_MEANT = {"fast": "speed", "instant": "speed", "quick": "speed", "user": "as"}
"""What people call an option that has another name."""
_BELOW_ZERO = re.compile(r"-\.?[0-9]")
"""How a value begins that no option takes: the option says so, and it isn't looked for among the options."""


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


def commands() -> dict[str, CliCommand]:
    """Ours, by name, in the order in which the help lists them."""
    return {each.name: each for plugin in plugins() for each in plugin.commands}


def command_of(name: str) -> CliCommand:
    """The command of that name, a stranger's too; UsageError if there is none."""
    known = commands()
    if name not in known:
        known |= {each.name: each for plugin in strangers() for each in plugin.commands}
    if name not in known:
        hint = _near(name, known) or broken_strangers() or "lab --help lists the commands."
        raise UsageError(f"There is no command {name}.", hint=hint)
    return known[name]


def own_options(command: CliCommand) -> tuple[Option, ...]:
    """Those that the command itself declares."""
    return cast("tuple[Option, ...]", resolve(command.options)) if command.options else ()


def additions(command: str) -> Iterator[tuple[str, Addition]]:
    """What plugins add to a command, each with the plugin's name."""
    for plugin in plugins():
        yield from ((plugin.name, each) for each in plugin.additions if each.command == command)


def options_of(command: CliCommand) -> tuple[Option, ...]:
    """All that the command takes."""
    return (*own_options(command), *(option for _, each in additions(command.name) for option in each.options))


def grammar(given: Iterable[CliCommand], whole: Iterable[CliCommand]) -> tuple[Parser, dict[str, Parser]]:
    """The parser of `lab`, and those of these commands; `whole` are those that get their options."""
    how: Any = {"formatter_class": WholeWords, "allow_abbrev": False}
    root = Parser(prog="lab", description=_DESCRIPTION, epilog=EXITS, **how)
    root.add_argument("--version", action="store_true", default=SUPPRESS)
    parsers = root.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for each in given:
        epilog = f"example:\n  {each.example}"
        parser = parsers.add_parser(each.name, help=each.does, description=each.does, epilog=epilog, **how)
        parser._negative_number_matcher = _BELOW_ZERO
        if each in whole:
            _fill(parser, each)
    return root, parsers.choices


class _Adding(Protocol):
    """What argparse adds arguments to: a parser, or a group of its."""

    def add_argument(self, *names: str, **how: Any) -> object: ...


def _fill(parser: Parser, command: CliCommand) -> None:
    for option in own_options(command):
        _add(option, parser)
    for name, addition in additions(command.name):
        group = parser.add_argument_group(name)
        for option in addition.options:
            _add(option, group)
    if command.tail:
        parser.usage = f"{parser.format_usage().removeprefix('usage: ').rstrip()} -- {command.tail} ..."


def _add(option: Option, to: _Adding) -> None:
    how: dict[str, Any] = {"help": option.help}
    if option.name.startswith("-"):
        how |= {"default": SUPPRESS, "dest": option.key, "required": option.required}
    if option.flag:
        to.add_argument(option.name, action="store_true", **how)
        return
    how |= {"metavar": option.value, "type": option.read, "choices": option.choices or None}
    if option.times:
        how["nargs"] = option.times
    if option.repeated:
        how["action"] = "append"
    to.add_argument(option.name, **how)


def help_of_all() -> str:
    """What `lab --help` prints: the commands, a line each. argparse would make a parser of each of them first."""
    known = commands()
    widest = max(map(len, known))
    return "\n".join(
        (
            "usage: lab [-h] [--version] COMMAND ...", "", _DESCRIPTION, "", "commands (lab COMMAND --help tells of one):",
            *(f"  {each.name:<{widest}}  {each.does}" for each in known.values()),
            "", "options:", "  -h, --help  show this help message and exit", "  --version   show the version and exit",
            "", EXITS,
        )
    )  # fmt: skip


def parse_options(argv: list[str], console: Console) -> Namespace:
    """The options of one call, with what each means that wasn't given; the command itself is `command`."""
    Parser.console = console
    if argv[:1] == ["--version"]:
        console.out(version_text())
        raise SystemExit(0)
    if argv[:1] in (["--help"], ["-h"]):
        console.out(help_of_all())
        raise SystemExit(0)
    if not argv or argv[0].startswith("-"):
        grammar(commands().values(), ())[0].parse_args(argv)  # complains
    command = command_of(argv[0])
    taken = options_of(command)
    cut = argv.index("--") if command.tail and "--" in argv else len(argv)
    root, parsers = grammar((command,), (command,))
    options, unknown = root.parse_known_args(_with_values(argv[:cut], taken))
    if unknown:
        _refuse_unknown(unknown[0], command, parsers[command.name])
    known = vars(options)
    for option in taken:
        if known.get(option.key, option) in (None, []):  # an argument that wasn't given
            del known[option.key]
    _refuse_together(taken, known)
    for option in taken:
        known.setdefault(option.key, False if option.flag else option.usual)
    options.command_line = argv[cut + 1 :]
    return options


def additions_given(command: CliCommand, argv: Sequence[str]) -> Iterator[Addition]:
    """Those of which the call gives an option."""
    words = {word.partition("=")[0] for word in argv}
    for _, each in additions(command.name):
        if any(option.name in words for option in each.options):
            yield each


def _with_values(argv: list[str], taken: Iterable[Option]) -> list[str]:
    """The call with the value of each option that stands alone; `--web 8000` may be written so, too."""
    alone = {option.name: option for option in taken if option.alone is not None}
    after = [*argv, ""][1:]

    def takes(option: Option, word: str) -> bool:  # a number is never a scenario's name
        return not (option.value or "").startswith("=") and word.isdigit()

    return [
        f"{word}={alone[word].alone}" if word in alone and not takes(alone[word], next_) else word
        for word, next_ in zip(argv, after, strict=True)
    ]


def _refuse_together(taken: Iterable[Option], given: Mapping[str, object]) -> None:
    """UsageError for options of which one means nothing beside, or without, the other."""
    keys = {option.name: option.key for option in taken}

    def is_given(word: str) -> bool:
        name, _, value = word.partition(" ")
        return keys.get(name) in given and value in ("", given[keys[name]])

    for option in taken:
        if option.key not in given:
            continue
        for other in filter(is_given, option.excludes):
            raise UsageError(f"{option.name} can't be used with {other}.", hint="Leave one of them out.")
        if option.needs and not any(map(is_given, option.needs)):
            raise UsageError(f"{option.name} does nothing alone.", hint=f"It needs {' or '.join(option.needs)}.")


def _refuse_unknown(word: str, command: CliCommand, parser: ArgumentParser) -> NoReturn:
    """UsageError for what the command doesn't take; a value written behind `=` isn't repeated."""
    word = word.partition("=")[0]
    kind = "option" if word.startswith("-") else "argument"
    having = ", ".join(
        name for name, each in commands().items() if any(option.name == word for option in options_of(each))
    )
    names = [option.name for option in options_of(command)]
    hint = f"It is an option of lab {having}." if having else _near(word, names) or f"Try: {parser.prog} --help"
    raise UsageError(f"{parser.prog} takes no {kind} {word}.", hint=hint)


def _near(word: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches  # only a mistake needs it

    names = {each.lstrip("-"): each for each in known}  # the dashes, which all have, would make strangers alike
    said = word.lstrip("-")
    meant = [_MEANT[said]] if _MEANT.get(said) in names else get_close_matches(said, names, n=1)
    return next((f"Did you mean {names[each]}?" for each in meant), "")
