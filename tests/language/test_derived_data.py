"""Data by chance and of other data: weights, drawn counts, rows, values made of others."""

from collections import Counter
from decimal import Decimal
from math import erfc, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.core.errors import ScenarioError
from lab.core.exchange import Json
from lab.jobs.lint import lint
from lab.language.parse import parse_scenario, parse_with_locations
from lab.language.shape import member
from lab.language.templates import RenderFailure
from lab.language.values import drawn_as, generate, locales_of, restore
from lab.program.draws import Constant, Datum
from lab.program.scenario import Scenario
from tests.conftest import each_row


def data(**entries: object) -> dict[str, Datum]:
    return member(Scenario, "data", entries)


LINES = {
    "list": {"each": {
        "item": {"one_of": ["pump", "valve"]}, "pieces": {"between": [1, 5]}, "price": {"between": [5, 9], "decimals": 2},
        "unit": "pcs", "total": {"value": "{{ row.price * row.pieces }}"}, "taxed": {"value": "{{ row.total * data.tax }}"},
        "of": {"list": {"value": "{{ row.item }}"}, "count": 2},
    }},
    "count": {"between": [1, 4]},
}  # fmt: skip
ORDER = data(
    tax="1.2", lines=LINES, sum={"value": "{{ data.lines | sum(attribute='total') }}"},
    note={"value": "{{ data.lines | length }} lines, {{ data.sum }}"},
)  # fmt: skip
ORDER["tax"] = Constant(2)


@given(st.integers(0, 2**40), st.integers(1, 9))
def test_rows_hold_what_belongs_together_and_values_are_made_of_it(seed: int, ordinal: int) -> None:
    drawn = generate(ORDER, seed, f"a/{ordinal}")
    assert list(drawn) == ["lines"]
    seen = restore(ORDER, drawn, seed, f"a/{ordinal}")
    lines = seen["lines"]
    assert isinstance(lines, list) and 1 <= len(lines) <= 4
    for line in lines:
        assert list(line) == ["item", "pieces", "price", "unit", "total", "taxed", "of"]
        assert line["total"] == line["price"] * line["pieces"] and line["taxed"] == line["total"] * 2
        assert isinstance(line["total"], Decimal) and line["of"] == [line["item"]] * 2 and line["unit"] == "pcs"
    total = sum(line["total"] for line in lines)
    assert seen["sum"] == total and seen["note"] == f"{len(lines)} lines, {total}"
    assert drawn_as(ORDER["lines"], drawn["lines"], seed, f"a/{ordinal}/data/lines")


def test_what_is_drawn_of_rows_is_recorded_and_wins_and_nothing_that_follows_of_it() -> None:
    drawn = generate(ORDER, 5, "a/1")
    rows = drawn["lines"]
    assert isinstance(rows, list)
    row = rows[0]
    assert isinstance(row, dict) and row.keys() == {"item", "pieces", "price", "of"} and row["of"] == [None, None]
    one: Json = [{"item": "x", "pieces": 2, "price": "1.50", "of": [None]}]
    assert restore(ORDER, {"lines": one}, 99, "a/1")["sum"] == Decimal("3.00")


@each_row(
    "changed",
    [
        lambda rows: [*rows, rows[0]],
        lambda rows: rows[:-1],
        lambda rows: [{**rows[0], "pieces": rows[0]["pieces"] + 1}, *rows[1:]],
        lambda rows: [{**rows[0], "more": 1}, *rows[1:]],
        lambda rows: [1, *rows[1:]],
        lambda rows: None,
    ],
)
def test_rows_that_were_not_drawn_so_are_found(changed) -> None:
    rows = generate(ORDER, 5, "a/1")["lines"]
    assert drawn_as(ORDER["lines"], rows, 5, "a/1/data/lines")
    assert not drawn_as(ORDER["lines"], changed(rows), 5, "a/1/data/lines")


def test_a_drawn_count_moves_no_element_and_a_column_more_no_other() -> None:
    five = data(x={"list": {"between": [0, 10**9]}, "count": 5})
    some = data(x={"list": {"between": [0, 10**9]}, "count": {"one_of": [2, 3], "weights": [1, 1]}})
    whole, part = generate(five, 1, "a/1")["x"], generate(some, 1, "a/1")["x"]
    assert isinstance(whole, list) and isinstance(part, list) and part == whole[: len(part)] and len(part) in (2, 3)
    lengths = {len(str(generate(some, seed, "a/1")["x"]).split(",")) for seed in range(20)}
    assert lengths == {2, 3}
    wider = {**LINES, "list": {"each": {**LINES["list"]["each"], "more": {"between": [1, 9]}}}}  # type: ignore[dict-item]
    for one, other in zip(
        generate(ORDER, 3, "a/1")["lines"], generate(data(lines=wider), 3, "a/1")["lines"], strict=True
    ):  # type: ignore[arg-type]
        assert one == {name: value for name, value in other.items() if name != "more"}  # type: ignore[union-attr]


@each_row("seed", range(1, 21))
def test_weights_are_the_shares(seed: int) -> None:
    entry = data(x={"one_of": ["a", "b", "c"], "weights": [3, 0, 1]})
    count = 400
    found = Counter(generate(entry, seed, f"a/{ordinal}")["x"] for ordinal in range(count))
    assert found["b"] == 0
    chi_square = (found["a"] - 0.75 * count) ** 2 / (0.75 * count) + (found["c"] - 0.25 * count) ** 2 / (0.25 * count)
    assert erfc(sqrt(chi_square / 2)) >= 0.001  # the tail of chi-square with one degree of freedom


def test_without_weights_a_choice_is_drawn_as_before() -> None:
    assert [generate(data(x={"one_of": list("abcdef")}), seed, "a/1")["x"] for seed in range(8)] == list("eabfdadf")


def test_generators_in_rows_are_loaded_in_time() -> None:
    rows = {"list": {"list": {"each": {"who": {"fake": "name", "locale": "de_DE"}}}, "count": 1}, "count": 1}
    assert locales_of(data(x=rows).values()) == {"de_DE"}


def test_a_mapping_with_a_value_that_is_no_template_is_a_constant_as_before() -> None:
    entries = data(x={"value": 3, "currency": "EUR"}, y={"each": {"a": 1}}, z={"value": "3"})
    assert dict(restore(entries, {}, 1, "a/1")) == {
        "x": {"value": 3, "currency": "EUR"},
        "y": {"each": {"a": 1}},
        "z": {"value": "3"},
    }


@each_row(
    ("entry", "why"),
    [
        ({"one_of": [1, 2], "weights": [1]}, "one for each of the 2 values; this has 1"),
        ({"one_of": [1, 2], "weights": [0, 0]}, "one at least is more than 0"),
        ({"one_of": [1, 2], "weights": [1, 0.5]}, "takes a whole number"),
        ({"list": 1, "count": {"between": [0, 1001]}}, "must be at most 1000"),
        ({"list": 1, "count": {"between": [0, 2], "decimals": 1}}, "unknown key decimals"),
        ({"list": 1, "count": {"one_of": [1, "2"]}}, "takes a whole number"),
        ({"list": 1, "count": {"between": [3, 1]}}, "the smaller number comes first"),
        ({"list": {"each": {"a": 1, "b": 2}}, "count": {"one_of": [1, 1000]}}, None),
        ({"list": {"list": {"each": {"a": 1, "b": 2}}, "count": 6}, "count": 1000}, "at most 10000 values"),
        ({"list": {"each": {}}, "count": 1}, "must not be empty"),
        ({"value": "{{ data.a }}", "decimals": 2}, "unknown key decimals"),
    ],
)
def test_the_bounds_of_what_is_drawn(entry: object, why: str | None) -> None:
    if why is None:
        data(x=entry)
        return
    with pytest.raises(ValueError, match=why):
        data(x=entry)


HEAD = "lab: 1\nname: a\ntitle: A\nagent: {code: A}\nask: pay\nsteps: [{complete: c, output: C}]\ndata:\n"


@each_row(
    ("entries", "complaint"),
    [
        ('  a: {value: "{{ data.b }}"}\n', "8:14: data.a.value: data has no b; known here: a"),
        ('  b: 1\n  a: {value: "{{ dat.b }}"}\n', "9:14: data.a.value: unknown name dat; did you mean data?"),
        ('  b: 1\n  a: {value: "{{ message }}"}\n', "9:14: data.a.value: message is not known here; known here: data row"),
        ('  b: 1\n  a: {value: "{{ row.b }}"}\n', "9:14: data.a.value: row is known inside each only; write data.NAME"),
        ('  b: 1\n  a: {value: "{{ data | length }}"}\n', "9:14: data.a.value: which of data?; name it: data.NAME"),
        ('  a: {value: "{{ data.a }}"}\n', "8:6: data.a: a is made of itself: a -> a; let one of them be drawn, or a constant"),
        (
            '  x: 1\n  a: {value: "{{ data.b }} "}\n  b: {list: {value: "{{ data.c }}"}, count: 2}\n  c: {value: "{{ data.a }}{{ data.x }}"}\n',
            "9:6: data.a: a is made of itself: a -> b -> c -> a; let one of them be drawn, or a constant",
        ),
        (
            '  r: {list: {each: {a: {value: "{{ data.r }}"}}}, count: 1}\n',
            "8:6: data.r: r is made of itself: r -> r; let one of them be drawn, or a constant",
        ),
        (
            '  r: {list: {each: {a: {value: "{{ row.b }}"}, b: {value: "{{ row.a }}"}}}, count: 1}\n',
            "8:24: data.r.list.each.a: a is made of itself: a -> b -> a; let one of them be drawn, or a constant",
        ),
        (
            '  r: {list: {each: {a: 1, b: {value: "{{ row.c }}"}}}, count: 1}\n',
            "8:38: data.r.list.each.b.value: the row has no c; known here: a, b",
        ),
        ("  r: {list: {each: {a: {fake: nme}}}, count: {between: [1, 2]}}\n", "8:31: data.r.list.each.a.fake: Faker has no provider nme; did you mean name?"),
        (
            "  a0: 1\n" + "".join(f'  a{n}: {{value: "{{{{ data.a{n - 1} }}}}"}}\n' for n in range(1, 18)),
            "24:8: data.a16: a16 is made of others in 17 steps, 16 at most; make it of earlier ones",
        ),
    ],
)  # fmt: skip
def test_a_value_that_can_not_be_made_is_complained_of(entries: str, complaint: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(HEAD + entries, "a.yaml")
    assert [str(each) for each in caught.value.complaints] == [f"a.yaml:{complaint}"]


def test_in_a_row_within_a_row_the_inner_one_is_meant() -> None:
    inner = {"each": {"x": {"between": [1, 9]}, "y": {"value": "{{ row.x + data.one }}"}}}
    entries = data(
        one=1,
        r={"list": {"each": {"x": {"list": inner, "count": 2}, "y": {"value": "{{ row.x | length }}"}}}, "count": 1},
    )
    seen = restore(entries, generate(entries, 1, "a/1"), 1, "a/1")["r"]
    assert isinstance(seen, list) and seen[0]["y"] == 2 and all(each["y"] == each["x"] + 1 for each in seen[0]["x"])
    parse_scenario(
        HEAD
        + "  r: {list: {each: {x: {list: {each: {x: 1, y: {value: '{{ row.x }}'}}}, count: 2}, y: 1}}, count: 1}\n",
        "a.yaml",
    )


def test_one_that_fails_of_what_it_is_made_is_warned_of_and_fails_who_looks_at_it() -> None:
    text = (
        HEAD
        + '  who: {one_of: [ann]}\n  a: {value: "{{ data.who + 1 }}"}\n  b: {each: {x: 1}}\n  c: {list: {each: {y: {fak: name}}}, count: 1}\n'
    )
    scenario, locations = parse_with_locations(text, "a.yaml")
    assert [str(each) for each in lint(scenario, "a.yaml", locations)] == [
        "a.yaml:9:6: a can't be made: operators take numbers only; join texts with ~, and make numbers of them by | int or | float; a text that looks at it would fail",
        "a.yaml:10:6: b is a constant with a key each: nothing is drawn; rows stand in a list: {list: {each: …}, count: 3}",
        "a.yaml:11:24: y is a constant with a key fak: nothing is drawn; did you mean fake?",
    ]
    seen = restore(scenario.data, {}, 1, "a/1")
    assert seen["who"] == "ann"
    for _ in range(2):
        with pytest.raises(RenderFailure, match="numbers only"):
            seen["a"]


def test_the_work_of_one_entry_is_bounded_whatever_was_looked_at_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.language.templates.bounds.MOST_WORK", 6_000)
    loop = "{% for a in range(30) %}{% for b in range(30) %}x{% endfor %}{% endfor %}"
    rows = {"list": {"each": {"of": {"value": loop + "{{ data.c }}"}}}, "count": 3}
    seen = restore(
        data(a={"value": loop + "{{ data.b }}"}, b={"value": loop}, c=1, d=rows, e={"value": loop}), {}, 1, "a/1"
    )
    for name in "abe":
        assert len(str(seen[name])) >= 900
    with pytest.raises(RenderFailure, match="too much work"):
        seen["d"]


def test_generated_text_may_be_any_other_unless_it_is_asked_for() -> None:
    entries = data(who={"list": {"each": {"name": {"fake": "name"}, "n": {"between": [1, 9]}}}, "count": 2})
    (rows,) = generate(entries, 1, "a/1").values()
    assert isinstance(rows, list) and isinstance(rows[0], dict)
    renamed = [{**rows[0], "name": "Nobody"}, rows[1]]
    verdicts = [
        drawn_as(entries["who"], each, 1, "a/1/data/who", texts=texts)
        for each in (rows, renamed, rows[:1], [{**rows[0], "n": 10}, rows[1]])
        for texts in (False, True)
    ]
    assert verdicts == [True, True, True, False, False, False, False, False]
