"""Scenario files: what loads, and every complaint with its place."""

from time import process_time

import pytest

from lab.core.errors import ScenarioError
from lab.language.complaints import Block
from lab.language.parse import parse_scenario, parse_with_locations
from lab.language.parse.yaml_tree import DocumentKind, read_yaml
from lab.program.draws import Between, Constant
from lab.program.steps import Gate, Work
from tests.conftest import each_row

HEAD = """\
lab: 1
name: a
title: A
agent: {code: A}
ask: compare x and y
match: compare (?P<left>\\w+) and (?P<right>\\w+)
data: {supplier: {fake: company}, price: 3}
"""
END = "  - {complete: end, output: done}\n"


def complaints(text: str | bytes, stem: str | None = None) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, "a.yaml", stem=stem)
    return [str(complaint) for complaint in caught.value.complaints]


def steps(text: str) -> list[str]:
    return complaints(HEAD + "steps:\n" + text)


def constant(written: str) -> object:
    return parse_scenario(HEAD.replace("price: 3", f"price: {written}") + "steps:\n" + END, "a.yaml").data["price"]


def test_a_whole_scenario_loads() -> None:
    scenario = parse_scenario(HEAD + "steps:\n  - {work: w, takes: {between: [2s, 4s]}}\n" + END, "a.yaml", stem="a")
    assert scenario.name == "a"
    assert scenario.message == "compare x and y"
    assert isinstance(scenario.steps[0], Work)
    assert isinstance(scenario.steps[0].takes, Between)
    assert scenario.steps[0].takes.between == (2000, 4000)


def test_text_and_bytes_with_or_without_a_byte_order_mark_are_the_same() -> None:
    text = HEAD + "steps:\n" + END
    whole = parse_scenario(text, "a.yaml")
    for same in ("\ufeff" + text, text.encode(), text.encode("utf-8-sig"), text.replace("\n", "\r\n")):
        assert parse_scenario(same, "a.yaml") == whole


def test_a_request_for_changes_may_be_made_three_times_unless_said_otherwise() -> None:
    gate = "  - {gate: g, asks: Q, patience: 1m, verdicts: {changes-requested: g}}\n"
    step = parse_scenario(HEAD + "steps:\n" + gate + END, "a.yaml").steps[0]
    assert isinstance(step, Gate)
    assert step.rounds == 3


def test_five_mistakes_give_five_complaints_each_in_its_place() -> None:
    text = """\
lab: 1
name: broken
title: Broken
agent: {code: A}
ask: hello
latancy: {token: 1s}
token: {lifetime: 10}
steps:
  - work: fetch
    takes: {between: [4s, 2s]}
    next: reson
  - work: reason
    takes: 1s
  - complete: end
    output: |
      # Prices

      {{ data.price }}
"""
    assert complaints(text, "broken") == [
        "a.yaml:6:1: unknown key latancy; did you mean latency?",
        "a.yaml:7:19: token.lifetime: a duration needs a unit: write 10s or 10ms",
        "a.yaml:10:12: steps[0].takes: between: the shorter duration comes first",
        "a.yaml:11:11: steps[0].next: there is no step reson; did you mean reason?",
        "a.yaml:18:1: steps[2].output: data has no price; there are none",
    ]


@each_row(
    ("written", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("Yes", "Yes"),
        ("012", "012"),
        ("12:30:45", "12:30:45"),
        ("2026-01-01", "2026-01-01"),
        ("1_000", "1_000"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-1.50", -1.5),
        ("00.5", "00.5"),
        ("0", 0),
        ("-7", -7),
        ("0x1F", 31),
        ("0o17", 15),
        ("0b11", "0b11"),
        ("9" * 30, int("9" * 30)),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("'1'", "1"),
        ('"true"', "true"),
        ('"\\u263a"', "☺"),
        ("=", "="),
        ("1.2.3", "1.2.3"),
    ],
)
def test_scalars_are_read_as_yaml_1_2_does_and_leading_zeros_make_text(written: str, value: object) -> None:
    read = constant(written)
    assert isinstance(read, Constant)
    assert read.value == value
    assert type(read.value) is type(value)


@each_row(
    ("written", "complaint"),
    [
        (".nan", ".nan is not a number here; put it in quotes if it is text"),
        ("-.inf", "-.inf is not a number here; put it in quotes if it is text"),
        ("1e999", "1e999 is not a number here; put it in quotes if it is text"),
        ("9" * 101, "a number of more than 100 digits; put it in quotes if it is text"),
        ("&x 1", "anchor &x; write the value out where it is used"),
        ("*x", "alias *x; write the value out"),
        ("!!python/object/apply:os.system ls", "unknown tag tag:yaml.org,2002:python/object/apply:os.system"),
        ("!secret x", "unknown tag !secret; values have no tags here; put text in quotes"),
    ],
)
def test_what_is_no_plain_value_is_a_complaint(written: str, complaint: str) -> None:
    (found,) = complaints(HEAD.replace("price: 3", f"price: {written}") + "steps:\n" + END)
    assert found.startswith(f"a.yaml:7:42: {complaint}")


@each_row(
    ("text", "complaint"),
    [
        ("", "a.yaml:1:1: the file is empty; lab new writes a starting point"),
        ("# only a comment\n", "a.yaml:1:1: the file is empty; lab new writes a starting point"),
        ("~", "a.yaml:1:1: the file is empty; lab new writes a starting point"),
        ("- a\n", "a.yaml:1:1: a scenario is a mapping of keys; begin with lab: 1"),
        ("hello", "a.yaml:1:1: a scenario is a mapping of keys; begin with lab: 1"),
        ("lab: 1\n---\nlab: 1\n", "a.yaml:2:1: a second document; one scenario a file"),
        (
            "lab: 1\n\tname: a\n",
            "a.yaml:2:1: not YAML: found a tab character that violates indentation; indent with blanks, not tabs",
        ),
        (
            "lab:\n\t- 1\n",
            "a.yaml:2:1: not YAML: found character that cannot start any token; indent with blanks, not tabs",
        ),
        ("lab: @x\n", "a.yaml:1:6: not YAML: found character that cannot start any token; text that begins with @"),
        (
            "ask: a: b\n",
            "a.yaml:1:7: not YAML: mapping values are not allowed in this context; text that holds a colon",
        ),
        (
            "lab: [1\n",
            "a.yaml:2:1: not YAML: did not find expected ',' or ']'; the [ on line 1 isn't closed, or a comma",
        ),
        ("lab: [1,", "a.yaml:2:1: not YAML: did not find expected node content; a value is missing here, or a bracket"),
        ("lab: 1\n name: a\n", "a.yaml:2:6: not YAML: mapping values are not allowed in this context; the keys of one"),
        ("a:\n    b: 1\n  c: 2\n", "a.yaml:3:3: not YAML: did not find expected key; the keys of one mapping begin in"),
        ("lab: *x y\n", "a.yaml:1:6: not YAML: an alias, and more follows; text that begins with * stands in quotes"),
        ("a: &x 1\nb: *x\nc: [}\n", "a.yaml:3:5: not YAML: did not find expected node content"),
        ("lab: 1\nname: \x00\n", "a.yaml:2:7: control character U+0000; write it in double quotes"),
        ("a: [" + "x, " * 500 + "“b”, @]", "a.yaml:1:1505: not YAML: “ is no quote to YAML"),
        ("a: b: “x”\n", "a.yaml:1:7: not YAML: “ is no quote to YAML"),
        ("a: - b\n", "a.yaml:1:4: not YAML: block sequence entries are not allowed in this context; the keys of one"),
        ("a: 1\nb\nc: 2\n", "a.yaml:3:1: not YAML: could not find expected ':'; a key ends with a colon"),
        ("\ufefflab: \x00\n", "a.yaml:1:6: control character U+0000"),
        ("lab: 1\nname: \x1b[2J\n", "a.yaml:2:7: control character U+001B"),
        ("lab: 1\nname: '\ud800'\n", "a.yaml:2:8: half a surrogate pair; use the character itself"),
        (b"lab: 1\nname: \xff\n", "a.yaml:2:7: the file is not UTF-8; save it as UTF-8"),
        ("lab: 1".encode("utf-16"), "a.yaml:1:1: the file is not UTF-8; save it as UTF-8"),
        ("a: " + "x" * (1 << 20), "a.yaml:1:1: the file is larger than 1 MiB"),
        ("é" * (1 << 19) + "x", "a.yaml:1:1: the file is larger than 1 MiB"),
        ("- " * 33, "a.yaml:1:65: too deep: at most 32 levels"),
        ("[" * 5000, "a.yaml:1:1001: not YAML: too deep: at most 32 levels"),
        ("a:\n" + "- 1\n" * 50_000, "a.yaml:49999:3: too many values: at most 50000"),
    ],
    ids=range(31),
)
def test_what_is_no_document_stands_alone(text: str | bytes, complaint: str) -> None:
    (found,) = complaints(text)
    assert found.startswith(complaint)


def test_thirty_two_levels_are_not_too_deep() -> None:
    nested = "[" * 30 + "]" * 30  # below the document and data
    assert constant(nested) is not None
    assert complaints(HEAD.replace("price: 3", "price: [" + nested + "]") + "steps:\n" + END)[0].endswith("32 levels")


def test_billion_laughs_are_refused_at_once() -> None:
    text = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for name, before in zip("bcdefghi", "abcdefgh", strict=True):
        text += f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    began = process_time()
    found = complaints(text)
    assert process_time() - began < 0.5
    assert "a.yaml:1:4: anchor &a; write the value out where it is used" in found
    assert "a.yaml:2:8: alias *a; write the value out" in found


@each_row(
    ("text", "found"),
    [
        ("a: *x\nb: [*y, *x]\n", ["1:4 alias *x", "2:5 alias *y", "2:9 alias *x"]),
        ("a:\r *x\rb: {c: *y}\r", ["2:2 alias *x", "3:8 alias *y"]),
        ("a: &x 1\nb: &x\n  c: 2\nd: *x\n", ["1:4 anchor &x", "2:4 anchor &x", "4:4 alias *x"]),
        ("a: &x 1\na: &x 2\n", ["1:4 anchor &x", "2:1 duplicate key a", "2:4 anchor &x"]),
        ("*x\n", ["1:1 alias *x"]),
        ("a: *x\rb: 1\r", ["1:4 alias *x"]),
        ("!t a: 1\n", ["1:1 unknown tag !t"]),
        ("a:\n    !t 1\n", ["2:5 unknown tag !t"]),
        ("*x : 1\na: *x\n", ["1:1 alias *x", "2:4 alias *x"]),
        ("- !t\n- {a: ! 1}\n- != 3\n", ["1:3 unknown tag !t", "2:7 unknown tag !", "3:3 unknown tag !="]),
        ("&x !t a: 1\nb: &x !t 2\n", ["1:1 anchor &x", "1:1 unknown tag !t", "2:4 anchor &x", "2:4 unknown tag !t"]),
        ("a: |\n  *x\n  - &y !z\nb: 'c: *x'\nd: x *y &z != 3 !w\n", []),
    ],
)
def test_all_aliases_anchors_and_tags_are_told_of_where_they_stand(text: str, found: list[str]) -> None:
    kind = DocumentKind("", "", "", "", list if text.startswith("-") else dict)
    try:
        listed = read_yaml(text, "a.yaml", kind).complaints.listed
    except ScenarioError as error:
        listed = list(error.complaints)
    assert [f"{each.line}:{each.column} {each.what}" for each in listed] == found


def test_places_of_keys_values_blocks_and_comments_are_known_by_path() -> None:
    tree = read_yaml("a: [1, {b: x # y\n}]\nc: >-\n  one\n  two\nd: z  # w\ne: 'q' # r\nf: # s\n", "a.yaml")
    assert {
        path: (place.key.line, place.key.column, place.value.line, place.value.column)
        for path in tree.complaints.locations.found
        for place in [tree.complaints.locations.nearest(path)]
    } == {
        (): (1, 1, 1, 1), ("a",): (1, 1, 1, 4), ("a", 0): (1, 5, 1, 5), ("a", 1): (1, 8, 1, 8),
        ("a", 1, "b"): (1, 9, 1, 12), ("c",): (3, 1, 3, 4), ("d",): (6, 1, 6, 4), ("e",): (7, 1, 7, 4), ("f",): (8, 1, 8, 3),
    }  # fmt: skip
    places = tree.complaints.locations
    assert [path for path in places.found if places.nearest(path).commented] == [("a", 1, "b")]
    block = places.nearest(("c",)).block
    assert block == Block(4, 6, folded=True)
    assert places.source(block) == "  one\n  two"


@each_row("text", ["a: &a [*a]\n", "a: &a {<<: *a}\n", "<<: {lab: 1}\n", "? [a]\n: 1\n", "? \n: 1\n"])
def test_aliases_merges_and_keys_that_are_not_text_are_refused(text: str) -> None:
    assert any(part in " ".join(complaints(text)) for part in ("alias", "merge key", "a key is"))


def test_a_mapping_as_a_key_is_told_from_braces_without_quotes() -> None:
    assert "a.yaml:1:3: a key is plain text" in complaints("? {a: b}\n: 1\n")
    assert any("1:4: {{ without quotes" in each for each in complaints("a: {{ data.x }}\n"))


def test_a_duplicate_key_tells_of_the_first_and_what_is_in_it_is_checked_too() -> None:
    found = complaints(HEAD + "steps:\n" + END + "title: B\ntoken: {lifetime: 1h, lifetime: &x 2h}\n")
    assert found == [
        "a.yaml:10:1: duplicate key title; the first is on line 3",
        "a.yaml:11:23: duplicate key lifetime; the first is on line 11",
        "a.yaml:11:33: anchor &x; write the value out where it is used",
    ]


def test_what_an_alias_hides_is_not_complained_of_twice() -> None:
    assert complaints(HEAD + "token: *t\nsteps:\n" + END) == ["a.yaml:8:8: alias *t; write the value out"]
    assert complaints(HEAD.replace("{code: A}", "{*k : A}") + "steps:\n" + END) == [
        "a.yaml:4:9: alias *k; write the value out"
    ]
    assert complaints(HEAD + "steps:\n" + END + "*k : 1\n") == ["a.yaml:10:1: alias *k; write the value out"]


def test_fifty_thousand_values_are_not_too_many() -> None:
    read_yaml("a:\n" + "- 1\n" * 49_997, "a.yaml")
    with pytest.raises(ScenarioError, match="too many values"):
        read_yaml("a:\n" + "- 1\n" * 49_998, "a.yaml")


SHAPES = [
    ("lab: 1", "lab: 2", "1:6: lab: this lab reads version 1 of the language: write lab: 1"),
    ("lab: 1", "lab: true", "1:6: lab: this lab reads version 1 of the language: write lab: 1"),
    ("lab: 1", "lab: 1.0", "1:6: lab: this lab reads version 1 of the language: write lab: 1"),
    ("name: a", "name: A b", "2:7: name: is of small letters, digits and -, at most 80; write a-b"),
    ("title: A", "title: 3", "3:8: title: takes text; put it in quotes"),
    ("title: A", "title:", "3:7: title: takes text; there is nothing here"),
    ("title: A\n", "", "1:1: title is missing"),
    ("{code: A}", "{code: a-b}", "4:15: agent.code: is of letters, digits and _, at most 200; write a_b"),
    ("{code: A}", "{code: A, version: '13'}", "4:27: agent.version: takes a whole number; write it without quotes"),
    ("{code: A}", "{code: A, version: 1.5}", "4:27: agent.version: takes a whole number"),
    ("{code: A}", "{code: A, version: 0}", "4:27: agent.version: must be at least 1"),
    ("{code: A}", "{code: A, published: yes}", "4:29: agent.published: takes true or false; yes is text here"),
    ("{code: A}", "{cod: A}", "4:9: agent: unknown key cod; did you mean code?"),
    ("{code: A}", "A", "4:8: agent: takes keys and values; write agent: {code: A}"),
    ("price: 3", "price: {between: [24, 18]}", "7:42: data.price: between: the smaller number comes first"),
    ("price: 3", "price: {between: [a, 18]}", "7:53: data.price.between[0]: takes a number"),
    ("price: 3", "price: {between: [1]}", "7:52: data.price.between: takes two values; smallest and largest, as [2s, 4s]"),
    ("price: 3", "price: {between: [1, 2], decimal: 2}", "7:60: data.price: unknown key decimal; did you mean decimals?"),
    ("price: 3", "price: {one_of: []}", "7:51: data.price.one_of: must not be empty"),
    ("price: 3", "price: {list: {one_of: [1]}, count: -1}", "7:71: data.price.count: must be at least 0"),
    ("price: 3", "price: {fake: compny}", "7:49: data.price.fake: Faker has no provider compny; did you mean company?"),
    ("price: 3", "price: {fake: name, locale: german}", "7:63: data.price.locale: is written de_DE"),
    ("price: 3", "price: {list: {fake: nam}, count: 1}", "7:56: data.price.list.fake: Faker has no provider nam; did you mean name?"),
    ("match: compare", "match: (compare", "6:8: match: not a pattern of RE2: missing ): (compare (?P<left>\\w+) and (?P<right>\\w+); its syntax: lab docs scenarios, §3.3"),
    ("ask: compare", "ask: contrast", "5:6: ask: the message doesn't fit match; no job of this scenario would come of it"),
    (
        "ask: compare x and y", "ask: compare é and y",
        r"5:6: ask: the message doesn't fit match; \w and \b know the letters of ASCII alone (\pL: any letter, \S: any but a "
        "blank), not all of é",
    ),
    ("ask: compare x and y", "ask: {mesage: x}", "5:7: ask: unknown key mesage; did you mean message?"),
    ("ask: compare x and y", "ask: {message: x}", "5:16: ask.message: the message doesn't fit match; no job of this scenario would come of it"),
    ("ask: compare x and y", "ask: ''", "5:6: ask: must not be empty"),
]  # fmt: skip


@each_row(("old", "new", "complaint"), SHAPES, ids=[new[:40] or old for old, new, _ in SHAPES])
def test_a_wrong_shape_is_told_in_a_sentence_at_its_place(old: str, new: str, complaint: str) -> None:
    assert old in HEAD
    found = complaints(HEAD.replace(old, new, 1) + "steps:\n" + END)
    assert f"a.yaml:{complaint}" in found
    assert len(found) == 1


@each_row(
    ("written", "what"),
    [
        ("10", "needs a unit: write 10s or 10ms"),
        ("1.5", "needs a unit: write 1.5s or 1.5ms"),
        ("'10'", "needs a unit: write 10s or 10ms; this is '10'"),
        ("10 parsecs", "is written 250ms, 3s, 15m, 2h, 3d or 1h30m; this is '10 parsecs'"),
        ("15min", "is written 250ms, 3s, 15m, 2h, 3d or 1h30m; this is '15min', write 15m"),
        ("1 hour 30 minutes", "is written 250ms, 3s, 15m, 2h, 3d or 1h30m; this is '1 hour 30 minutes', write 1h30m"),
        ("2Sec", "is written 250ms, 3s, 15m, 2h, 3d or 1h30m; this is '2Sec', write 2s"),
        ("3 weeks", "is written 250ms, 3s, 15m, 2h, 3d or 1h30m; this is '3 weeks'"),
        ("90min1h", "is written 250ms, 3s, 15m, 2h, 3d or 1h30m; this is '90min1h'"),
        ("-3s", "is written 250ms, 3s, 15m, 2h, 3d or 1h30m; this is '-3s'"),
        ("NaN", "is written 250ms, 3s, 15m, 2h, 3d or 1h30m; this is 'NaN'"),
        ("inf", "is written 250ms, 3s, 15m, 2h, 3d or 1h30m; this is 'inf'"),
        ("1h1h", "has each unit once, the largest first; this is '1h1h'"),
        ("30m1h", "has each unit once, the largest first; this is '30m1h'"),
        ("true", "is text such as 250ms, 3s, 15m or 1h30m"),
        ("4000d", "is at most ten years"),
    ],
)
def test_a_duration_that_is_none_says_why_and_names_its_path(written: str, what: str) -> None:
    assert steps(END.replace("end", "e") + f"  - {{work: w, takes: {written}}}\n" + END) == [
        f"a.yaml:10:22: steps[1].takes: a duration {what}"
    ]


STEPS = [
    (
        "  - {foo: 1}\n" + END,
        ["9:5: steps[0]: a step begins with one of work, delegate, parallel, wait, gate, complete, error"],
    ),
    (
        "  - 3\n" + END,
        ["9:5: steps[0]: a step begins with one of work, delegate, parallel, wait, gate, complete, error"],
    ),
    (
        "  - {work: a, takes: 1s, next: w}\n  - {takes: 1s, wrok: w}\n" + END,
        ["10:17: steps[1]: unknown kind of step wrok; did you mean work?"],
    ),
    (
        "  - {work: w, takes: 1s, gate: g}\n" + END,
        ["9:26: steps[0]: a step is of one kind; this is work and gate; make two steps of it"],
    ),
    ("  - {work: w}\n" + END, ["9:5: steps[0]: takes is missing"]),
    ("  - {work: w, take: 1s}\n" + END, ["9:15: steps[0]: unknown key take; did you mean takes?"]),
    (
        "  - {work: w, takes: {medain: 1s, p95: 2s}}\n" + END,
        ["9:23: steps[0].takes: unknown key medain; did you mean median?"],
    ),
    (
        "  - {work: W, takes: 1s}\n" + END,
        ["9:12: steps[0].work: is of small letters, digits and -, at most 80; write w"],
    ),
    (
        "  - {work: end, takes: 1s}\n" + END,
        ["10:16: steps[1].complete: a second step called end; the first is on line 9"],
    ),
    (
        "  - {work: w, takes: 1s}\n",
        ["9:5: steps[0]: nothing follows w, and it is no ending; end with a complete or an error step"],
    ),
    (
        "  - {work: w, takes: 1s, next: ned}\n" + END,
        ["9:32: steps[0].next: there is no step ned; did you mean end?"],
    ),
    (
        "  - {work: v, takes: 1s}\n  - {work: w, takes: 0ms, next: v}\n" + END,
        ["10:33: steps[1].next: v is an earlier step; only changes-requested and again may lead back"],
    ),
    (
        "  - {work: w, takes: 0ms, next: w}\n" + END,
        ["9:33: steps[0].next: leads to its own step; only changes-requested and again may lead back"],
    ),
    (
        "  - {work: v, takes: 1s}\n  - {gate: g, asks: Q, patience: 1m, verdicts: {rejected: v}}\n" + END,
        ["10:59: steps[1].verdicts.rejected: v is an earlier step; only changes-requested and again may lead back"],
    ),
    (
        "  - {gate: g, asks: Q, patience: 1m, verdicts: {timeout: end}}\n" + END,
        ["9:49: steps[0].verdicts: unknown key timeout; did you mean timed-out?"],
    ),
    (
        "  - {gate: g, asks: Q, patience: 1m, verdicts: {changes_requested: end}}\n" + END,
        ["9:49: steps[0].verdicts: unknown key changes_requested; did you mean changes-requested?"],
    ),
    ("  - {gate: g, asks: Q}\n" + END, ["9:5: steps[0]: patience is missing"]),
    ("  - {gate: g, asks: Q, patience: 0s}\n" + END, ["9:34: steps[0].patience: must be more than 0"]),
    (
        "  - {gate: g, asks: Q, patience: 1s, channel: SMS}\n" + END,
        ["9:47: steps[0].channel: takes CHAT, EMAIL or APPROVAL_PROCESS"],
    ),
    (
        "  - {gate: g, asks: Q, patience: 1s, rounds: true}\n" + END,
        ["9:46: steps[0].rounds: takes a whole number"],
    ),
    (
        "  - {gate: g, asks: Q, patience: 1s, reviewer: nobdy}\n" + END,
        ["9:48: steps[0].reviewer: takes nobody, or {after, verdict}, or {script}; did you mean nobody?"],
    ),
    (
        "  - {gate: g, asks: Q, patience: 1s, reviewer: {after: 1s, verdict: aproved}}\n" + END,
        [
            "9:69: steps[0].reviewer.verdict: takes approved, rejected or changes-requested; did you mean approved?",
        ],
    ),
    (
        "  - {gate: g, asks: Q, patience: 1m, reviewer: {after: 1s, verdict: changes-requested, comment: x}}\n" + END,
        [
            "9:69: steps[0].reviewer.verdict: this gate doesn't offer changes-requested;"
            " name a step in verdicts: {changes-requested: STEP}"
        ],
    ),
    (
        "  - {gate: g, asks: Q, patience: 1m, verdicts: {changes-requested: g},"
        " reviewer: {script: [{after: 1s, verdict: changes-requested}]}}\n" + END,
        [
            "9:113: steps[0].reviewer.script[0].verdict: a request for changes says what should change; add a comment",
        ],
    ),
    (
        "  - {gate: g, asks: Q, patience: 1m, approval: false, reviewer: {after: 1s, verdict: rejected}}\n" + END,
        ["9:86: steps[0].reviewer.verdict: this gate only collects a text; its verdict is approved"],
    ),
    (
        "  - {complete: end, output: {htm: x}}\n",
        ["9:29: steps[0].output: takes text, null, or one of json, html, file, filler; did you mean html?"],
    ),
    (
        "  - {complete: end, output: {html: x, json: 1}}\n",
        ["9:30: steps[0].output: an output is of one form; this is json and html; leave one out"],
    ),
    ("  - {complete: end, output: 5}\n", ["9:29: steps[0].output: takes text; put it in quotes"]),
    (
        "  - {complete: end, output: x, follow_up: y}\n",
        ["9:43: steps[0].follow_up: takes a list; write - in front of each value, or [ ] around them"],
    ),
    (
        "  - {wait: w, takes: 1s, again: {to: x, rounds: 1}}\n" + END,
        ["9:38: steps[0].again.to: there is no step x; steps: w, end"],
    ),
    (
        END + "xyzzy: []\n",
        [
            "10:1: unknown key xyzzy; known here: lab, name, title, shows, story, agent, ask, match, for, alone, seed, settings, token,"
            " latency, retention, cancel, limits, data, steps, turns, turn_order, faults, callbacks, expect, narration"
        ],
    ),
    (END + "code: A\n", ["10:1: unknown key code; write agent: {code: …}"]),
    (END + "users: [maria]\n", ["10:1: unknown key users; write for: {users: …}"]),
    (END + "narration: {wating: x}\n", ["10:13: narration: unknown key wating; did you mean waiting?"]),
    # a comma ends a text without quotes, within { } alone
    (
        "  - {complete: end, output: Fine, thanks, a lot}\n",
        [
            '9:35: steps[0]: a comma ends the text of output, and thanks follows; put it in quotes: output: "Fine, thanks"',
            '9:43: steps[0]: a comma ends the text of output, and a lot follows; put it in quotes: output: "Fine, a lot"',
        ],
    ),
    (
        "  - {complete: end, output: fine, ask: }\n",
        ["9:35: steps[0]: unknown key ask; known here: complete, output, follow_up, title"],
    ),
    (
        "  - {complete: end, output: fine, outpt}\n",
        ['9:35: steps[0]: a comma ends the text of output, and outpt follows; put it in quotes: output: "fine, outpt"'],
    ),
    ("  - {complete: end, output, out}\n", ["9:29: steps[0]: unknown key out; did you mean output?"]),
]


@each_row(("text", "expected"), STEPS, ids=[text.strip()[:60] for text, _ in STEPS])
def test_a_step_that_cannot_be_walked_is_told_at_its_place(text: str, expected: list[str]) -> None:
    assert steps(text) == [f"a.yaml:{complaint}" for complaint in expected]


def test_a_loop_in_which_time_passes_is_fine() -> None:
    for way in (
        "  - {wait: nap, takes: 0ms, again: {to: w, rounds: 3}}\n",
        "  - {wait: nap, takes: {between: [0ms, 1ms]}, again: {to: nap, rounds: 3}}\n",
    ):
        parse_scenario(HEAD + "steps:\n  - {work: w, takes: 1s}\n  - {work: v, takes: 0ms}\n" + way + END, "a.yaml")


def test_no_steps_at_all_is_a_complaint() -> None:
    assert complaints(HEAD + "steps: []\n") == ["a.yaml:8:8: steps: must not be empty"]


@each_row(
    ("text", "what"),
    [
        ("{{ data.suplier }}", "data has no suplier; did you mean supplier?"),
        ("{{ data['nothing'] }}", "data has no nothing; known here: price, supplier"),
        ("{{ match.lift }}", "match has no group lift; did you mean left?"),
        ("{{ decisions['gate'].by }}", "there is no gate gate; known here: g"),
        ("{{ decisions.g.coment }}", "a decision has no coment; did you mean comment?"),
        ("{{ decisions.g.votes[0].names }}", "a vote has no names; known here: by, comment, verdict"),
        ("{{ decisions.g.rounds[0].vote }}", "a round has no vote; did you mean votes?"),
        ("{{ decisions.g.rounds[0].votes[1].names }}", "a vote has no names; known here: by, comment, verdict"),
        ("{{ job.number }}", "job has no number; known here: id"),
        ("{{ conversation.turn }}", "conversation has no turn; did you mean turns?"),
        ("{{ conversation.turns[0].text }}", "a turn has no text; known here: data, match, message, output"),
        ("{{ now.year }}", "now has no year; it is a text"),
        ("{{ turn.n }}", "turn has no n; it is a number"),
        ("{{ mesage }}", "unknown name mesage; did you mean message?"),
        ("{{ message|uper }}", "unknown filter uper; did you mean upper?"),
        ("{% if turn %}", "{% if … %} is never closed"),
    ],
)
@each_row("broken", [False, True])
def test_every_name_in_a_template_is_checked_even_where_the_shape_is_broken(text: str, what: str, broken: bool) -> None:
    gate = '  - {gate: g, asks: "' + text + '", patience: 1m' + (", paitence: 1m" if broken else "") + "}\n"
    found = steps(gate + END)
    assert len(found) == 1 + broken
    assert found[0].startswith(f"a.yaml:9:21: steps[0].asks: {what}")


@each_row(
    "fine",
    [
        "{{ data.supplier }} {{ data['price'] + 1.5 }}",
        "{{ match.left }} {{ match['right'] }}",
        "{{ decisions['g'].comment or '-' }} {{ decisions.g.by }}",
        "{{ decisions.g.rounds[0].votes[0].by }} {{ decisions.g.rounds | map(attribute='comment') | join }}",
        "{{ job.id }} {{ conversation.id }} {{ conversation.turns[0].message }}",
        "{{ message[0] }} {{ now[:10] }} {{ turn + 1 }}",
        "{{ parameters.anything.at['all'] }}",
        "{% for x in conversation.turns %}{{ x.whatever }}{{ loop.index }}{% endfor %}",
    ],
)
def test_names_that_the_scenario_has_are_fine(fine: str) -> None:
    gate = "  - gate: g\n    patience: 1m\n    asks: >\n      " + fine + "\n"
    parse_scenario(HEAD + "steps:\n" + gate + END, "a.yaml")


@each_row("style", ["|", "|-", ">", ">-", "|2", "| # text"])
def test_in_a_block_text_the_line_is_exact(style: str) -> None:
    text = f"  - complete: end\n    output: {style}\n      a\n      b\n\n      {{{{ data.x }}}}\n      c {{{{ data.y }}}}\n"
    lines = [found.split(" ")[0] for found in steps(text)]
    assert lines == ["a.yaml:14:1:", "a.yaml:15:1:"]


def test_a_text_in_quotes_is_placed_at_its_beginning() -> None:
    (found,) = steps('  - complete: end\n    output: "a\n\n      {{ data.x }}"\n')
    assert found.startswith("a.yaml:10:13: steps[0].output: data has no x")


def test_strings_within_json_and_every_other_text_are_templates() -> None:
    text = """\
  - {work: w, takes: 1s, says: "{{ data.a }}"}
  - {gate: g, asks: "{{ data.b }}", change_prompt: "{{ data.c }}", last_round: "{{ data.d }}", patience: 1m}
  - {complete: end, output: {json: {deep: ["{{ data.e }}"]}}, follow_up: [x, "{{ data.f }}"]}
  - {error: late, text: "{{ data.g }}", output: "{{ data.h }}"}
"""
    found = steps(text)
    assert [complaint[-42:].partition("data has no ")[2][:1] for complaint in found] == list("abcdefgh")
    assert found[4].startswith("a.yaml:11:44: steps[2].output.json.deep[0]: data has no e")


def test_the_name_equals_the_file_s() -> None:
    assert complaints(HEAD + "steps:\n" + END, "b") == [
        "a.yaml:2:7: name: a is not the file's name; write b, or rename the file"
    ]


def test_a_complaint_shows_no_control_characters_and_is_no_longer_than_it_must_be() -> None:
    (found,) = steps('  - {work: w, takes: 1s, next: "\\e[2J\\u202e' + "x" * 1000 + '"}\n' + END)
    assert found.isprintable()
    assert "\\u001b[2J\\u202e" in found
    assert len(found) < 700


def test_places_are_given_with_the_scenario() -> None:
    _, locations = parse_with_locations(HEAD + "steps:\n" + END, "a.yaml")
    assert (locations.value_at(("steps", 0, "output")).line, locations.value_at(("steps", 0, "output")).column) == (
        9,
        29,
    )
    assert (
        locations.nearest(("steps", 0, "output")).key.column,
        locations.value_at(("steps", 0, "nothing")).column,
    ) == (
        21,
        5,
    )


def test_a_thousand_lines_load_quickly() -> None:
    step = '  - {{work: w{n}, takes: {{between: [1s, 2s]}}, says: "{{{{ data.supplier }}}} {n}"}}\n'
    text = HEAD + "steps:\n" + "".join(step.format(n=n) for n in range(400)) + END
    parse_scenario(text, "a.yaml")
    began = process_time()
    parse_scenario(text, "a.yaml")
    assert process_time() - began < 0.5
