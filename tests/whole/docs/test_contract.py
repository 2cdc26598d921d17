"""The pages of the wires leave nothing out: routes with their marks, members, switches with values and defaults."""

import json
import re
from io import StringIO
from typing import Any

from msgspec.structs import asdict

from lab.cli.console import Console
from lab.cli.main import run_command
from lab.dialects.fusion.missing_paths import CAPABILITIES
from lab.language.shape import json_schema, spelt
from lab.plugin import plugins
from lab.program.switches import Switches
from tests.conftest import each_row
from tests.shapes import switched
from tests.whole.docs.pages import PAGES, codes

PAGE = "".join(
    PAGES[page] for page in dict.fromkeys(("contract", *(each.page for each in plugins() if each.page and each.wires)))
)
"""What the pages of all wires say."""
FOLDED = {"doc": "documented", "RFC": "documented", "rec": "observed", "code": "observed", "seen": "observed"}


def fidelity() -> list[dict[str, str]]:
    """The rows of `lab fidelity`."""
    out = StringIO()
    assert run_command(["fidelity", "--json"], Console(out, StringIO())) == 0
    return [json.loads(line) for line in out.getvalue().splitlines()]


ROWS = fidelity()
ROUTES = [row for row in ROWS if row["place"] in ("routes", "local orchestrator")]
IN_WORDS = ("errors", "surroundings")
"""Rows that are named in words, and by no name of the wire's."""
MEMBERS = [row for row in ROWS if row["place"] not in ("routes", "local orchestrator", *IN_WORDS)]


def unnamed(rows: list[dict[str, str]], page: str) -> set[str]:
    """The names of the rows that no page has in code."""
    return {row["name"] for row in rows} - codes(page)


def test_every_route_and_every_member_is_named() -> None:
    assert len(ROUTES) > 35
    assert len(MEMBERS) > 60
    assert unnamed([*ROUTES, *MEMBERS], PAGE) == set()
    around = PAGE.partition("\n### 2.8 ")[2].partition("\n## ")[0]
    assert re.findall(r"^\| ([^|]+) \|", around, re.MULTILINE) == [
        row["name"] for row in ROWS if row["place"] == "surroundings"
    ]


@each_row("name", ["GET /fscmRestApi/anticsrf", "singleTurnOnly", "callbackToken"])
def test_one_that_is_left_out_is_found(name: str) -> None:
    assert unnamed([*ROUTES, *MEMBERS], PAGE.replace(f"`{name}`", "-")) == {name}


def test_every_word_that_places_a_missing_path_is_named() -> None:
    section = PAGE.partition("### 2.5")[2].partition("### 2.6")[0]
    assert CAPABILITIES.keys() <= {name.lower() for name in codes(section)}


def marks(page: str) -> dict[str, str]:
    """The folded mark of each route, by the marks in brackets or in the last column of its row."""
    found: dict[str, str] = {}
    for row in page.splitlines():
        reported = re.search(r"(?:\(|\| )((?:doc|rec|code|seen|assumed|RFC)\b[^()|]*)\)? \|$", row)
        if reported is not None and row.startswith("|"):
            words = {FOLDED.get(mark, "assumed") for mark in reported[1].partition(",")[0].split()}
            word = next(each for each in ("documented", "observed", "assumed") if each in words)
            found |= dict.fromkeys(re.findall(r"`((?:GET|POST|DELETE) [^`]+)`", row), word)
    return found


def test_each_route_is_marked_as_lab_fidelity_marks_it() -> None:
    reported = marks(PAGE)
    assert {row["name"]: row["mark"] for row in ROUTES} == {
        row["name"]: reported.get(row["name"], "") for row in ROUTES
    }


def switches(page: str) -> dict[str, tuple[set[str], str]]:
    """By name, the values and the default of each switch in the table."""
    table = page.partition("\n## 10. ")[2].partition("\n## 11. ")[0]
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|", table, re.MULTILINE)
    return {name: (set(values.split(", ")), default.strip()) for name, values, default in rows}


def known() -> dict[str, tuple[set[str], str]]:
    """The same of the code."""
    usual, strict = (spelt(Switches, asdict(switched({"profile": name}))) for name in ("oci", "rfc"))
    schema: dict[str, Any] = json_schema(Switches)["properties"]
    found: dict[str, tuple[set[str], str]] = {}
    for name in Switches.__struct_fields__:
        values = {str(value) for value in schema[name].get("enum", ()) if not isinstance(value, bool)}
        differs = name != "profile" and usual[name] != strict[name]
        default = f"{usual[name]}; rfc: {strict[name]}" if differs else str(usual[name])
        found[name] = values, default
    found["pod"] = {"a label"}, found["pod"][1]
    found["sse_heartbeat"] = {"off", "a duration"}, "off"
    found["conversational_default"] = {"false", "true"}, "false"
    return found


def test_every_switch_is_there_with_its_values_and_its_default() -> None:
    assert switches(PAGE) == known()


def test_a_wrong_default_is_found() -> None:
    assert switches(PAGE.replace("| 202, 200 | 202 |", "| 202, 200 | 200 |")) != known()
    assert switches(PAGE.replace("| `pod` |", "| pod |")) != known()


def in_order(section: str, page: str) -> list[str]:
    """The members in the first column of a section's table, row by row."""
    text = page.partition(f"\n{section} ")[2].partition("\n#")[0]
    rows = re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`(\w+)`", row)]


@each_row(("section", "place"), [("## 4.", "job body"), ("### 4.3", "waitingNodeDetails")])
def test_members_stand_in_the_order_of_the_wire(section: str, place: str) -> None:
    assert in_order(section, PAGE) == [row["name"] for row in ROWS if row["place"] == place]


def test_the_body_in_full_has_the_members_in_their_order() -> None:
    text = PAGE.partition("### 4.2 ")[2].partition("```json\n")[2].partition("```")[0]
    body = json.loads(text)
    assert list(body) == in_order("## 4.", PAGE)
    assert list(body["waitingNodeDetails"]) == in_order("### 4.3", PAGE)
