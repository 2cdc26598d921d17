"""Any two options of a command, with each kind of value that they have, are taken, or refused by name with the reason."""

import os
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest

from lab.cli.parser import commands, declared, read_options
from lab.core.errors import UsageError
from lab.options import CommandCall, Given, Option

TABLE = Path(__file__).with_name("option_pairs.txt")
KINDS = {
    "--speed": ("instant", "20"), "--clock": ("real", "scaled:20", "manual"), "--phone": ("127.0.0.1", ":9000"),
    "--as": ("text", "html", "cast"), "--set": ("pod=acme",), "--env": ("API={base_url}",), "--pace": ("fast", "x2"),
    "--stage": ("0",), "--size": ("80x24",), "--theme": ("dark",), "--poll": ("5s",), "--base": ("http://127.0.0.1:9",),
    "--host": ("127.0.0.1",), "--parameters": ("{}",), "--dialect": ("fusion",), "--out": ("junit=x.xml", "html=x.html"), "--epoch": ("1",),
    "--words": ("RUNNING=on",), "--at": ("ask=x",), "--family": ("W",), "--require": ("C1",), "--seed": ("1",),
    "--notify-secret": ("whsec_bGFibGFibGFibGFibGFibGFibGFibGFi",),
}  # fmt: skip
"""Values of which each may mean something else beside another option; of an option that isn't here one value will do."""
BY_PLACEHOLDER = {"DURATION": "5s", "N": "1", "PORT": "8123", "SECONDS": "1", "URL": "http://127.0.0.1:9"}
PEER = dict.fromkeys(("LAB_TOKEN_URL", "LAB_CLIENT_ID", "LAB_CLIENT_SECRET", "LAB_SCOPE"), "x")


def values(option: Option, command: str) -> Iterator[tuple[str, str | list[str]]]:
    """How it may be typed, and the text that the parser takes of that."""
    texts = option.choices or KINDS.get(option.name, (BY_PLACEHOLDER.get(option.value.lstrip("="), "x"),))
    if option.name == "--as" and command != "show":
        texts = ("jane",)
    for text in ("",) if option.flag else texts:
        shown = option.name if len(texts) == 1 or option.flag else f"{option.name} {text}"
        yield shown, [text] if option.repeated else text


def given(*options: tuple[Option, str | list[str]]) -> Given:
    return {option.name: text for option, text in options}


def refused(command: str) -> Iterator[str]:
    """A line for each that is refused alone, then for each pair of which each is taken alone."""
    of = commands()[command]
    rows = declared(of)
    taken = {option.name: option for _, option, _ in rows}
    always = [(option, "x") for _, option, required in rows if required and not option.repeated]
    always += [(option, ["x"]) for _, option, required in rows if required and option.repeated]  # type: ignore[misc]
    fixed = {option.name for option, _ in always}
    each = [
        (option, shown, text)
        for option in taken.values()
        if option.name not in fixed
        for shown, text in values(option, command)
    ]

    def why(*chosen: tuple[Option, str | list[str]]) -> str:
        try:
            read_options(of, taken, CommandCall((), PEER, ("client",), given(*always, *chosen)))
        except UsageError as error:
            return error.what
        return ""

    alone = {shown: why((option, text)) for option, shown, text in each}
    yield from (f"{command} {shown}: {said}" for shown, said in alone.items() if said)
    needs = {option.name: option for option, _, _ in each}
    for (one, shown, text), (other, also, more) in combinations(each, 2):
        if one.name == other.name:
            continue
        helped = [
            (needs[need], value) for need in _needed(one, other, needs) for value in [_usual(needs[need], command)]
        ]
        said = why(*helped, (one, text), (other, more))
        if said and not (alone[shown] and not one.needs) and not (alone[also] and not other.needs):
            yield f"{command} {shown} {also}: {said}"


def _needed(one: Option, other: Option, known: dict[str, Option]) -> Iterator[str]:
    """What must stand beside them, if it is none of them, and there is just one such thing."""
    for option in (one, other):
        need = option.needs[0].partition(" ")[0] if option.needs else ""
        if need in known and need not in (one.name, other.name):
            yield need


def _usual(option: Option, command: str) -> str | list[str]:
    if option.name == "--as" and command == "show":
        return "cast"
    return next(values(option, command))[1]


@pytest.mark.parametrize("command", sorted(commands()))
def test_each_pair_is_taken_or_refused_with_the_reason(command: str) -> None:
    lines = list(refused(command))
    if os.environ.get("LAB_GOLDEN") == "write":
        known = [line for line in TABLE.read_text().splitlines() if not line.startswith(f"{command} ")]
        TABLE.write_text("\n".join(sorted([*known, *lines])) + "\n")
    # those of a plugin that isn't there are none that could be given
    there = {option.name for _, option, _ in declared(commands()[command])}
    rows = [line for line in TABLE.read_text().splitlines() if line.startswith(f"{command} ")]
    known = [row for row in rows if {word for word in row.partition(":")[0].split() if word.startswith("--")} <= there]
    assert sorted(lines) == known


def test_no_reason_is_empty_and_each_names_an_option() -> None:
    for line in TABLE.read_text().splitlines():
        _, _, said = line.partition(": ")
        assert "--" in said and said.endswith("."), line
