"""Options, declared once: a field of what a command is asked says how it is typed, read, and what it can't stand beside.

    class CountSettings(Options):
        target: str = option("FILE", "a recording, by path or bare name")
        method: str | None = option("--method METHOD", "those of one method alone")

A field that is such a class itself brings its options along, so that what several commands take is declared once too. Two
options may be two spellings of one field (`setting`). `FromCall` gives a field what a call has beside its options: the
environment, what stands behind `--`. Any other field is left as it is by default.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from itertools import chain
from typing import Any, ClassVar, NamedTuple, TypeAlias, TypeVar, cast, dataclass_transform

from lab.core.errors import UsageError
from lab.plugin import Plugin, Reference, plugins, resolve, strangers


class BadValue(ValueError):
    """Why a text is no value of an option, and how it is written; the option says of itself which it is."""

    def __init__(self, why: str, hint: str = "") -> None:
        super().__init__(why)
        self.hint = hint


class Option(NamedTuple):
    """What a command is asked beside its name: `--seed N`, a flag, or what the command is about."""

    typed: str
    """As it is typed. `--seed N`; `--set NAME=VALUE...` may be given several times, and its field is a tuple; `--json` is
    a flag, or takes one of its `choices`; `SCENARIO` is an argument, `[SCENARIO]` one that may be left out, `FILE...` at
    least one, `[FILE...]` any number."""
    help: str = ""
    read: Callable[[str], object] = str
    """Makes the value of the text; BadValue or ValueError says why it can't."""
    choices: tuple[str, ...] = ()
    """The only values."""
    const: object = True
    """What a flag means."""
    alone: str | None = None
    """The value that it has without one: a word behind it is no value then, one behind `=` is (`--stage =SECONDS`)."""
    secret: bool = False
    """Whether no text shows it."""
    excludes: Mapping[str, str] = {}
    """Options, or arguments, beside which it can't stand, and why: `--as har` is that value of one, `SCENARIO` an argument."""
    needs: tuple[str, ...] = ()
    """Options of which one must be given beside it, `--as cast`: with that value."""

    @property
    def name(self) -> str:
        """`--seed`; of an argument what stands in the help for its value."""
        return self.typed.partition(" ")[0].strip("[.]")

    @property
    def value(self) -> str:
        """What the help has in the place of its value, as DIR or =HOST:PORT; empty: it has none, or choices."""
        return self.typed.partition(" ")[2].removesuffix("...")

    @property
    def repeated(self) -> bool:
        """Whether it may be given several times."""
        return self.typed.rstrip("]").endswith("...")

    @property
    def times(self) -> str:
        """How often an argument is given, as argparse has it."""
        optional = self.typed.startswith("[")
        return ("*" if optional else "+") if self.repeated else "?" if optional else ""

    @property
    def flag(self) -> bool:
        """Whether it is just given, or not."""
        return self.name.startswith("-") and not self.value and not self.choices

    def of(self, text: str) -> object:
        """The value of a text; UsageError says what is wrong with it."""
        return _value_of(self.name, text, self.read, secret=self.secret)


def _value_of(name: str, text: str, read: Callable[[str], object], *, secret: bool) -> object:
    """The value that an option, or a variable, has by its text; UsageError says what is wrong with it."""
    try:
        return read(text)
    except ValueError as error:
        shown = name if secret else f"{name} {text}"
        raise UsageError(f"{shown}: {error}.", hint=getattr(error, "hint", "")) from None


def flag(name: str, help: str, **more: Any) -> Option:
    """An option without a value."""
    return Option(name, help, **more)


def number(lowest: int, highest: int) -> Callable[[str], int]:
    """Reads a whole number within a range."""

    def read(text: str) -> int:
        hint = f"Give a whole number from {lowest} to {highest}."
        try:
            whole = int(text)
        except ValueError:
            raise BadValue("no whole number", hint) from None
        if not lowest <= whole <= highest:
            raise BadValue("out of range", hint)
        return whole

    return read


def name_of(
    what: str, of: Callable[[Plugin], Iterable[str]], *further: str
) -> tuple[tuple[str, ...], Callable[[str], str]]:
    """The names of what plugins declare that come with the lab, for the help; and what reads one, a stranger's too."""
    ours = (*chain.from_iterable(map(of, plugins())), *further)

    def read(text: str) -> str:
        if text not in ours and text not in (strange := [*chain.from_iterable(map(of, strangers()))]):
            raise BadValue(f"no {what}", f"There are {', '.join((*ours, *strange))}.")
        return text

    return ours, read


def span(text: str) -> int:
    """Milliseconds, written as 90s or 10m."""
    from lab.program import words  # slow to load, and few options need it

    try:
        return words.duration(text)
    except ValueError as error:
        raise BadValue(str(error), "Write it as 90s or 10m.") from None


class CommandCall(NamedTuple):
    """What a call of `lab` has beside its options."""

    arguments: tuple[str, ...]
    """The command line as it was given, without `lab`."""
    environment: Mapping[str, str]
    tail: tuple[str, ...] = ()
    """What stands behind `--`."""
    given: "Given" = {}  # noqa: RUF012 - nobody writes to it
    additions: "tuple[Options, ...]" = ()
    """What plugins were asked by options that they give to the command, of those of which one was given."""

    def variable(self, name: str) -> str | None:
        """What the environment says; None if it says nothing."""
        return self.environment.get(name) or None


Given: TypeAlias = Mapping[str, str | list[str]]
"""The texts of a call by the names of options and arguments; of a flag an empty one."""


class FromCall(NamedTuple):
    """What fills a field that no option fills, or of which none was given; None: it stays as it is by default."""

    read: Callable[[CommandCall], object]
    secret: bool = False
    tail: str = ""
    """What the help has for what stands behind `--`."""


def variable(name: str, read: Callable[[str], object] = str, *, secret: bool = False) -> FromCall:
    """A variable of the environment: an option that is given wins over it, and it never excludes one."""

    def from_call(call: CommandCall) -> object:
        text = call.variable(name)
        return None if text is None else _value_of(name, text, read, secret=secret)

    return FromCall(from_call, secret)


ARGUMENTS, ADDITIONS = FromCall(lambda call: call.arguments), FromCall(lambda call: call.additions)
"""The command line as it was given, and what plugins were asked."""


def setting(*notes: Option | FromCall, default: object = None) -> Any:
    """A field that one of these fills: the last option that is given, else the first of what a call has beside them."""
    if isinstance(default, dict):
        return field(default_factory=lambda: default, metadata={"notes": notes})
    return field(default=default, metadata={"notes": notes})


def option(
    typed: str,
    help: str = "",
    read: Callable[[str], object] = str,
    *,
    default: object = None,
    required: bool = False,
    **more: Any,
) -> Any:
    """A field that one option fills. It must be given if it is required, or an argument that can't be left out."""
    must = required or not typed.startswith(("-", "["))
    return setting(Option(typed, help, read, **more), default=MISSING if must else default)


def switch(name: str, help: str, **more: Any) -> Any:
    """A field that one flag fills."""
    return setting(flag(name, help, **more), default=False)


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Options:
    """What a command, or several, are asked. `__post_init__` may refuse what no declaration can: UsageError."""

    GROUP: ClassVar[str] = ""
    """Under which title its options stand in the help; empty: that of the class around it."""
    USUAL: ClassVar[tuple[str, ...]] = ()
    """Of what a command is asked, perhaps by a plugin: what the usual day needs, which its help shows first, in this order."""

    def __init_subclass__(cls) -> None:
        dataclass(frozen=True, kw_only=True, repr=False)(cls)

    def __repr__(self) -> str:
        shown = (
            f"{each.name}={getattr(self, each.name)!r}"
            for each in _fields(type(self))
            if not any(note.secret for note in _notes(each))
        )
        return f"{type(self).__name__}({', '.join(shown)})"


OptionsType = TypeVar("OptionsType", bound=Options)


def _fields(kind: type[Options]) -> "tuple[Field[Any], ...]":
    return fields(kind) if kind is not Options else ()  # type: ignore[arg-type]  # each subclass is a dataclass


def _notes(of: "Field[Any]") -> tuple[Option | FromCall, ...]:
    return cast("tuple[Option | FromCall, ...]", of.metadata.get("notes", ()))


def _inner(of: "Field[Any]") -> type[Options] | None:
    return of.type if isinstance(of.type, type) and issubclass(of.type, Options) else None


def options_in(kind: type[Options], group: str = "") -> Iterator[tuple[str, Option, bool]]:
    """The options of a class, in order: the title under which each stands, and whether it must be given."""
    group = kind.GROUP or group
    for each in _fields(kind):
        if (inner := _inner(each)) is not None:
            yield from options_in(inner, group)
        yield from ((group, note, each.default is MISSING) for note in _notes(each) if isinstance(note, Option))


def names_in(reference: Reference) -> Iterator[str]:
    """The names of the options that a declaration refers to."""
    yield from (option.name for _, option, _ in options_in(cast("type[Options]", resolve(reference))))


def command_tail(kind: type[Options]) -> str:
    """What the help has for what stands behind `--`; empty: the command takes nothing there."""
    notes = (note for each in _fields(kind) for note in _notes(each))
    return next((note.tail for note in notes if isinstance(note, FromCall) and note.tail), "")


def fill_options(kind: type[OptionsType], given: Given, call: CommandCall) -> OptionsType:
    """What was asked by what was given; UsageError says which text, or variable, is wrong, and how it is written."""
    found = {each.name: _value(each, given, call) for each in _fields(kind)}
    return kind(**{name: value for name, value in found.items() if value is not None})


def _value(of: "Field[Any]", given: Given, call: CommandCall) -> object:
    """None: as it is by default."""
    if (inner := _inner(of)) is not None:
        return fill_options(inner, given, call)
    values = [_read(note, given[note.name]) for note in _notes(of) if isinstance(note, Option) and note.name in given]
    if values and all(isinstance(each, tuple) for each in values):  # spellings of what is repeated add to each other
        return tuple(chain.from_iterable(cast("list[tuple[object, ...]]", values)))
    if values:
        return values[-1]
    around = (note.read(call) for note in _notes(of) if isinstance(note, FromCall))
    return next((value for value in around if value is not None), None)


def _read(option: Option, text: str | list[str]) -> object:
    if isinstance(text, list):
        return tuple(map(option.of, text))
    return option.const if option.flag else option.of(text)


def refuse_together(options: Mapping[str, Option], given: Given) -> None:
    """UsageError for options of which one means nothing, or says the opposite, beside the other or without it."""
    for name in given:
        option = options[name]
        for other, why in option.excludes.items():
            if _is_given(other, given):
                raise UsageError(f"{name} can't be used with {other}: {why}.", hint="Leave one of them out.")
        if option.needs and not any(_is_given(word, given) for word in option.needs):
            raise UsageError(
                f"{name} does nothing without {' or '.join(option.needs)}.", hint="Add it, or leave this out."
            )


def _is_given(word: str, given: Given) -> bool:
    """Whether that option is given; `--as cast`: with that value."""
    name, _, value = word.partition(" ")
    return name in given and value in ("", given[name])


def changed(of: OptionsType, **changes: Any) -> OptionsType:
    """The same but for these fields."""
    return replace(of, **changes)  # type: ignore[type-var]  # each subclass is a dataclass


def addition(additions: tuple[Options, ...], kind: type[OptionsType]) -> OptionsType | None:
    """What a plugin was asked; None: none of its options was given."""
    return next((each for each in additions if isinstance(each, kind)), None)
