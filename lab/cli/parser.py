"""From a call to what the command is asked: argparse, made of the declarations of `lab/plugin.py` and `lab/options.py`."""

import os
import re
from argparse import SUPPRESS, ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeAlias, cast

from lab.cli.console import Console
from lab.cli.installation import version_text
from lab.core.errors import UsageError, closest
from lab.plugin import COMMAND_GROUPS, Addition, CliCommand, broken_strangers, plugins, resolve, strangers

if TYPE_CHECKING:  # the help of all commands needs no options
    from lab.options import CommandCall, Given, Option, Options

EXITS = """exit codes: 0 done · 1 a divergence, or a run that went otherwise than expected · 2 wrong usage or a bad scenario
            3 an unreadable recording · 4 port, disk · 5 nothing matched · 70 a bug of the lab · 130 interrupted"""
_DESCRIPTION = """\
A scripted mock of an asynchronous agent API, an external app that calls it, recordings that replay.
On a terminal lab alone shows the demo."""
_MEANT = {"fast": "speed", "instant": "speed", "quick": "speed", "user": "as"}
"""What people call an option that has another name."""
_FURTHER = "further options"
"""The title of those that the usual day doesn't need, and that are of no group."""
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


def additions_to(command: str) -> Iterator[tuple[str, Addition]]:
    """What plugins add to a command, each with the plugin's name."""
    for plugin in plugins():
        yield from ((plugin.name, each) for each in plugin.additions if each.command == command)


def given_to(command: str, additions: "Iterable[Options]") -> "Iterator[tuple[Addition, Options]]":
    """What plugins were asked by their options, each beside the declaration of these."""
    for _, each in additions_to(command):
        yield from ((each, one) for one in additions if isinstance(one, _asks(each.asks)))


def _asks(reference: str) -> "type[Options]":
    return cast("type[Options]", resolve(reference))


Declared: TypeAlias = "Sequence[tuple[str, Option, bool]]"
"""What a command takes: the title under which each stands in the help, and whether it must be given."""


def declared(command: CliCommand) -> Declared:
    """All that the command takes."""
    from lab.options import options_in

    rows = [*options_in(_asks(command.asks))] if command.asks else []
    for name, each in additions_to(command.name):  # of which nothing has to be given
        rows += [(name, option, False) for _, option, _ in options_in(_asks(each.asks))]
    return rows


def usual(command: CliCommand) -> "tuple[str, ...]":
    """The names of the options that its help shows first: its own, then those of plugins."""
    references = (command.asks, *(each.asks for _, each in additions_to(command.name)))
    return tuple(name for each in references if each for name in _asks(each).USUAL)


def grammar(given: "Mapping[CliCommand, Declared | None]") -> tuple[Parser, dict[str, Parser]]:
    """The parser of `lab`, and those of these commands; what each takes, None: none of its options is read."""
    how: Any = {"formatter_class": WholeWords, "allow_abbrev": False}
    root = Parser(prog="lab", description=_DESCRIPTION, epilog=EXITS, **how)
    root.add_argument("--version", action="store_true", default=SUPPRESS)
    parsers = root.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for each, rows in given.items():
        said = f"{each.does}\n\n  {each.example}"
        parser = parsers.add_parser(each.name, help=each.does, description=said, **how)
        parser._negative_number_matcher = _BELOW_ZERO
        if rows is not None:
            _fill(parser, each, rows)
    return root, parsers.choices


def _fill(parser: Parser, command: CliCommand, rows: Declared) -> None:
    from lab.options import Options, command_tail

    asks = _asks(command.asks) if command.asks else Options
    places = {name: place for place, name in enumerate(usual(command))}
    taken = {option.name for _, option, _ in rows}
    groups: dict[str, Callable[..., object]] = {"": parser.add_argument}
    usage = [parser.prog, "[OPTIONS]"]
    for title, option, required in sorted(rows, key=lambda row: places.get(row[1].name, len(places))):
        others = [each for each in option.excludes if each.partition(" ")[0] in taken]
        help_text = "; not with ".join(filter(None, (option.help, ", ".join(others))))
        if option.name in places or not option.name.startswith("-"):
            title = ""
        elif places:
            title = title or _FURTHER
        if title not in groups:
            groups[title] = parser.add_argument_group(title).add_argument
        how: dict[str, Any] = {"help": help_text or None, "dest": option.name, "default": SUPPRESS}
        if option.flag:
            how |= {"action": "store_const", "const": ""}
        else:
            how |= {"choices": option.choices or None, "metavar": option.value or None}
        if option.name.startswith("-"):
            groups[title](option.name, **how, required=required, **({"action": "append"} if option.repeated else {}))
        else:
            del how["dest"], how["metavar"]
            groups[title](option.name, **how, **({"nargs": option.times} if option.times else {}))
            usage.append(option.typed.replace("...", " ..."))
        if required and option.name.startswith("-"):
            usage.insert(2, option.typed)
    tail = command_tail(asks)
    parser.usage = " ".join((*usage, f"-- {tail} ...") if tail else usage)


def help_of_all() -> str:
    """What `lab --help` prints: the commands, a line each. argparse would make a parser of each of them first."""
    known = commands()
    widest = max(map(len, known))
    lines = ["usage: lab [-h] [--version] COMMAND ...", "", _DESCRIPTION, "lab COMMAND --help tells of one."]
    for group in COMMAND_GROUPS:
        lines += ["", f"{group}:"]
        lines += (f"  {each.name:<{widest}}  {each.does}" for each in known.values() if each.group == group)
    lines += [
        "", "options:", "  -h, --help  show this help message and exit", "  --version   show the version and exit", "", EXITS,
    ]  # fmt: skip
    return "\n".join(lines)


class ReadCall(NamedTuple):
    """A call that was read."""

    command: CliCommand
    options: "Options"
    """What it asks."""
    additions: "Sequence[tuple[Addition, Options]]"
    """What it asks of plugins."""
    taken: "Mapping[str, Option]"
    """All that the command takes, by name."""
    given: "Given"


def read_call(argv: Sequence[str], console: Console, environment: Mapping[str, str] | None = None) -> ReadCall:
    """What is asked; UsageError says what is wrong. `environment`: by default that of the process."""
    Parser.console = console
    if argv[:1] == ["--version"]:
        console.out(version_text())
        raise SystemExit(0)
    if argv[:1] in (["--help"], ["-h"]):
        console.out(help_of_all())
        raise SystemExit(0)
    if not argv or argv[0].startswith("-"):
        grammar(dict.fromkeys(commands().values()))[0].parse_args(argv)  # complains
    from lab.options import CommandCall, command_tail

    command = command_of(argv[0])
    rows = declared(command)
    taken = {option.name: option for _, option, _ in rows}
    cut = argv.index("--") if command.asks and command_tail(_asks(command.asks)) and "--" in argv else len(argv)
    root, parsers = grammar({command: rows})
    found, unknown = root.parse_known_args(_with_values(argv[:cut], taken.values()))
    if unknown:
        _refuse_unknown(unknown[0], taken, parsers[command.name])
    # an argument that may be left out, and was, is there as an empty list
    given = {name: value for name, value in vars(found).items() if name in taken and value not in (None, [])}
    call = CommandCall(tuple(argv), os.environ if environment is None else environment, tuple(argv[cut + 1 :]), given)
    return read_options(command, taken, call)


def read_options(command: CliCommand, taken: "Mapping[str, Option]", call: "CommandCall") -> ReadCall:
    """What is asked by the options that were given, of those that the command takes; UsageError says what is wrong with them."""
    from lab.options import Options, fill_options, names_in, refuse_together

    refuse_together(taken, call.given)
    additions = [
        (each, fill_options(_asks(each.asks), call.given, call))
        for _, each in additions_to(command.name)
        if any(name in call.given for name in names_in(each.asks))
    ]
    kind = _asks(command.asks) if command.asks else Options
    call = call._replace(additions=tuple(each for _, each in additions))
    return ReadCall(command, fill_options(kind, call.given, call), additions, taken, call.given)


def _with_values(argv: Sequence[str], taken: "Iterable[Option]") -> list[str]:
    """The call with the value of each option that stands alone; `--web 8000` may be written so, too."""
    alone = {option.name: option for option in taken if option.alone is not None}
    after = [*argv, ""][1:]

    def takes(option: "Option", word: str) -> bool:  # a number is never a scenario's name
        return not option.value.startswith("=") and word.isdigit()

    return [
        f"{word}={alone[word].alone}" if word in alone and not takes(alone[word], next_) else word
        for word, next_ in zip(argv, after, strict=True)
    ]


def _refuse_unknown(word: str, taken: Iterable[str], parser: ArgumentParser) -> NoReturn:
    """UsageError for what the command doesn't take; a value written behind `=` isn't repeated."""
    word = word.partition("=")[0]
    kind = "option" if word.startswith("-") else "argument"
    having = ", ".join(
        name for name, each in commands().items() if any(option.name == word for _, option, _ in declared(each))
    )
    hint = f"It is an option of lab {having}." if having else _near(word, taken) or f"Try: {parser.prog} --help"
    raise UsageError(f"{parser.prog} takes no {kind} {word}.", hint=hint)


def _near(word: str, known: Iterable[str]) -> str:
    names = {each.lstrip("-"): each for each in known}  # the dashes, which all have, would make strangers alike
    said = word.lstrip("-")
    meant = _MEANT[said] if _MEANT.get(said) in names else closest(said, names)
    return f"Did you mean {names[meant]}?" if meant else ""
