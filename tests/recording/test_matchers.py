"""Exceptions from what counts as equal: where they reach, how far they go, what is wrong with a file of them."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from lab.core.errors import ScenarioError
from lab.core.exchange import Json, Request
from lab.recording.comparison import Comparator, ComparedMembers, excused_request
from lab.recording.matchers import Matcher, MatcherFile, parse_matchers
from tests.cli.test_replay import resealed
from tests.conftest import ROOT, Lab, each_row


def matchers(*lines: str) -> MatcherFile:
    return parse_matchers("".join(f"- {{where: res, {line}}}\n" for line in lines), "day.match.yaml")


def excuse(
    matchers: Sequence[Matcher], where: str, name: str | None, recorded: ComparedMembers, got: ComparedMembers
) -> tuple[ComparedMembers, set[int]]:
    """What was got as it compares, and which matchers had a place; what was recorded is what it was."""
    comparator = Comparator(matchers)
    expected, shown = comparator.compared(where, name, recorded, got)
    assert expected == recorded
    return shown, comparator.applied


def reply(body: Json, **beside: Json) -> ComparedMembers:
    return {"status": 200, "body": body, **beside}


@each_row(
    ("rule", "recorded", "allowed", "refused"),
    [
        ("ignore", "a", ["b", 5, None, {}], []),
        ("type", "a", ["b", ""], [5, None, ["b"]]),
        ("type", 1, [2.5, 0], ["1", True]),
        ("type", {"a": [1]}, [{"a": [2, 3]}, {"a": []}], [{"a": ["x"]}, {}, {"a": [1], "b": 1}]),
        ("regex, pattern: 'a+'", "a", ["aaa"], ["ab", "", 5]),
        ("regex, pattern: '(?i)a.'", "a", ["Aé"], ["Aéé", "\ud800"]),
        ("unordered", [1, {"b": 1, "a": 2}], [[{"a": 2, "b": 1}, 1]], [[1], [1, 1], "x"]),
        ("range, min: 2, max: 3", 9, [2, 3, 2.5, "3", "+2 ms"], [1, 4, True, "", "x", "+9 ms", None]),
        ("range, min: 2", 9, [1000], [1]),
        ("exact", "a", [], ["b"]),
    ],
)
def test_a_rule_lets_values_differ_so_far_and_no_farther(
    rule: str, recorded: Json, allowed: list[Json], refused: list[Json]
) -> None:
    found = matchers(f"path: $.x, rule: {rule}").matchers
    before = reply({"x": recorded})
    for value in [*allowed, *refused]:
        now, applied = excuse(found, "res", "status", before, reply({"x": value}))
        assert now == (before if value in allowed else reply({"x": value})), value
        assert applied == {0}


MANY: ComparedMembers = {"l": [{"id": 1, "n": 1}, {"id": 2, "n": 2}], "o": {"a/b": "x"}}


@each_row(
    ("path", "got", "equal"),
    [
        ("$.l[*].id", {"l": [{"id": 8, "n": 1}, {"id": 9, "n": 2}], "o": {"a/b": "x"}}, True),
        ("$.l[0].id", {"l": [{"id": 8, "n": 1}, {"id": 9, "n": 2}], "o": {"a/b": "x"}}, False),
        ("$.l[1]", {"l": [{"id": 1, "n": 1}], "o": {"a/b": "x"}}, True),
        ("$.l[*]", {"l": [{"id": 7}] * 5, "o": {"a/b": "x"}}, True),
        ("$.l", {"o": {"a/b": "x"}}, True),
        ("$.new", {**MANY, "new": 1}, True),
        ("$.o['a/b']", {**MANY, "o": {"a/b": 1}}, True),
        ('$.*["a/b"]', {**MANY, "o": {}}, True),
        ("$", "another", True),
    ],
)
def test_a_path_reaches_what_stands_on_either_side(path: str, got: Json, equal: bool) -> None:
    found = parse_matchers(f"- where: res\n  path: >-\n    {path}\n  rule: ignore\n", "day.match.yaml").matchers
    now, applied = excuse(found, "res", None, reply(MANY), reply(got))
    assert (now == reply(MANY)) is equal
    assert applied == {0}


def test_only_what_is_named_is_excused_and_of_two_the_later_counts() -> None:
    found = matchers(
        "route: status, path: $, rule: ignore", "path: $.x, rule: exact", "path: HEADERS.Retry-After, rule: ignore"
    )
    before, after = reply({"x": 1, "y": 1}, headers={"retry-after": "1"}), reply({"x": 2, "y": 2}, headers={})
    assert excuse(found.matchers, "res", "status", before, after) == (
        reply({"y": 1, "x": 2}, headers={"retry-after": "1"}), {0, 1, 2},
    )  # fmt: skip
    assert excuse(found.matchers, "res", "invoke", before, after)[1] == {1, 2}
    assert excuse(found.matchers, "fact", "job.accepted", before, after) == (after, set())
    farther = matchers("path: $.x, rule: ignore", "path: $, rule: exact").matchers
    assert excuse(farther, "res", None, reply({"x": 1}), reply({"x": 2})) == (reply({"x": 2}), {0, 1})
    nearer = matchers("path: $.x, rule: exact", "path: $, rule: ignore").matchers
    assert excuse(nearer, "res", None, reply({"x": 1}), reply({"x": 2})) == (reply({"x": 1}), {0, 1})


def test_a_line_that_is_missing_extra_or_another_is_never_excused() -> None:
    found = parse_matchers("- {where: fact, path: $, rule: ignore}\n", "day.match.yaml").matchers
    one: ComparedMembers = {"type": "job.status", "at": 5, "to": "WAITING"}
    assert excuse(found, "fact", "job.status", one, {**one, "at": 6, "to": "x"}) == (one, {0})
    for recorded, got in ((one, {}), ({}, one), (one, {**one, "type": "gate.opened"})):
        assert excuse(found, "fact", "job.status", recorded, got) == (got, set())


@each_row(
    ("text", "says"),
    [
        ("", "1:1: the file is empty; remove it"),
        ("a: 1\n", "1:1: matchers are a list"),
        ("- 5\n", "1:3: [0]: takes keys and values"),
        ("- {where: res, path: $, rule: ignore}\n- {where: ress, path: $, rule: ignore}\n", "2:11: [1].where: takes req, res or fact"),
        ("- {where: res, pth: $, rule: ignore}\n", "1:16: [0]: unknown key pth; did you mean path?"),
        ("- {where: res, path: $, rule: ignored}\n", "did you mean ignore?"),
        ("- {where: res, path: output, rule: ignore}\n", "1:3: [0]: path is written $.output"),
        ("- {where: req, path: headers.accept, rule: ignore}\n", "$.items[*]['id']; this is 'headers.accept'"),
        ("- {where: fact, path: held, rule: ignore}\n", "or at; this is 'held'"),
        ("- {where: res, path: headers, rule: ignore}\n", "headers.NAME; this is 'headers'"),
        ("- {where: res, route: statu, path: $, rule: ignore}\n", "did you mean status?"),
        ("- {where: fact, type: job.acepted, path: $, rule: ignore}\n", "1:23: [0].type: no fact is called job.acepted; did you mean job.accepted?"),
        ("- {where: res, type: job.accepted, path: $, rule: ignore}\n", "type says nothing beside where: res"),
        ("- {where: res, path: $, rule: regex}\n", "rule: regex needs a pattern"),
        ("- {where: res, path: $, rule: regex, pattern: '(('}\n", "1:47: [0].pattern: not a pattern of RE2: missing )"),
        ("- {where: res, path: $, rule: range}\n", "rule: range needs min, max or both"),
        ("- {where: res, path: $.a, rule: range, min: 5, max: 1}\n", "rule: range from 5 to 1 holds no number"),
        ("- {where: res, path: $, rule: type, max: 5}\n", "no other rule takes them"),
        ("- {where: res\n", "2:1: not YAML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(text: str, says: str) -> None:
    with pytest.raises(ScenarioError) as error:
        parse_matchers(text, "day.match.yaml")
    assert f"day.match.yaml:{says}" in str(error.value) or says in str(error.value)


@each_row(
    ("recorded", "got", "now"),
    [
        (b'{"a":1,"b":2}', b'{"a":5,"b":2}', b'{"a":1,"b":2}'),
        (b'{"a":1,"b":2}', b'{"a":5,"b":3}', b'{"b":3,"a":1}'),
        (b'{"a":1}', b'{"b":3}', b'{"b":3,"a":1}'),
        (b'{"b":2}', b'{"a":5}', b"{}"),
        (b'{"a":1}', b"a=5", b"a=5"),
        (b'{"a":1}', b"\xff", b"\xff"),
        (b"", b'{"a":1}', b'{"a":1}'),
    ],
)
def test_a_request_is_taken_for_the_recorded_one_where_it_may_differ(recorded: bytes, got: bytes, now: bytes) -> None:
    found = parse_matchers("- {where: req, route: invoke, path: $.a, rule: ignore}", "day.match.yaml").matchers
    one, other = Request("POST", "/a", body=recorded), Request("POST", "/a", body=got)
    changed = excused_request(found, "invoke", one, other).body
    assert changed == now or json.loads(changed) == json.loads(now)
    assert excused_request(found, "status", one, other) is other


@pytest.fixture
def changed(lab: Lab) -> Path:
    """A recording of which a status has changed since."""
    file = lab.folder / "recordings" / "item-comparison.rec.jsonl"
    file.parent.mkdir()
    shipped = (ROOT / "recordings" / file.name).read_bytes()
    file.write_bytes(resealed(shipped.replace(b'"s":202', b'"s":200')))
    return file


IT_IS_2XX = "- {where: res, route: invoke, path: status, rule: range, min: 200, max: 299}\n"
NEVER = "- {where: res, route: chat, path: $.output, rule: type}\n"


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        (None, 1, "expected status 200, got 202"),
        (IT_IS_2XX, 0, ""),
        (IT_IS_2XX.replace("299", "201"), 1, "expected status 200, got 202"),
        (IT_IS_2XX + NEVER, 2, "recordings/item-comparison.match.yaml:2:3: [1]: applied to nothing"),
        (IT_IS_2XX + "- {where: req, route: chat, path: $.x, rule: ignore}\n", 0, ""),
        (IT_IS_2XX + NEVER + NEVER, 2, ":3:3: [2]: applied to nothing"),
        (NEVER, 1, "expected status 200, got 202"),
        ("- {}\n", 2, "recordings/item-comparison.match.yaml:1:3: [0]: where is missing"),
    ],
)
def test_a_replay_heeds_what_is_written_beside_the_recording(
    lab: Lab, changed: Path, text: str | None, code: int, says: str
) -> None:
    if text is not None:
        changed.with_name("item-comparison.match.yaml").write_text(text)
    done = lab("replay", "recordings")
    assert done.code == code and says in done.out + done.err
    assert done.lines[-1] == ("0 passed, 1 failed" if code else "1 passed, 0 failed")


def test_one_whose_place_is_equal_is_not_idle(lab: Lab, changed: Path) -> None:
    changed.write_bytes((ROOT / "recordings" / changed.name).read_bytes())
    changed.with_name("item-comparison.match.yaml").write_text(IT_IS_2XX)
    assert lab("replay", "recordings").code == 0


@pytest.mark.usefixtures("changed")
def test_check_looks_at_matchers_and_at_whether_there_is_a_recording(lab: Lab) -> None:
    Path("recordings/item-comparison.match.yaml").write_text(IT_IS_2XX)
    assert lab("check", "recordings", "--plan").code == 0
    Path("recordings/other.match.yaml").write_text(IT_IS_2XX)
    Path("recordings/another.allow.txt").write_text("a-word\n")
    Path("recordings/item-comparison.match.yaml").write_text("- {}\n")
    done = lab("check", "recordings")
    assert done.code == 2
    assert done.lines == [
        "recordings/another.allow.txt:1:1: there is no recording another.rec.jsonl; rename it, or remove it",
        *(f"recordings/item-comparison.match.yaml:1:3: [0]: {name} is missing" for name in ("path", "rule", "where")),
        "recordings/other.match.yaml:1:1: there is no recording other.rec.jsonl; rename it, or remove it",
    ]
