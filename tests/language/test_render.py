"""Templates: what they give, what they refuse, what they cost."""

import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from time import process_time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lab.language import templates
from lab.language.templates import (
    TEMPLATE_NAMES,
    RenderFailure,
    TemplateError,
    bounds,
    condition,
    derivation,
    template,
)
from lab.language.templates.filters import FILTERS, TESTS
from tests.conftest import ROOT, each_row, examples

DATA = {
    "price": Decimal("21.40"),
    "supplier": "A & B",
    "count": 3,
    "lines": [{"n": "a", "v": Decimal("1.10")}, {"n": "b", "v": 2}],
    "none": [],
    "private": "__class__",
}
SEEN: dict[str, object] = {
    "message": "hello <b>",
    "match": {"left": "M1", "org": "imo"},
    "parameters": {"orgCode": "NORTH"},
    "data": DATA,
    "decisions": {"buyer-approval": {"verdict": "approved", "by": None, "comment": None}},
    "job": {"id": "7f3c"},
    "turn": 1,
    "conversation": {"id": "c81f", "turns": [{"message": "first"}]},
    "now": "2026-03-02T09:15:00.000Z",
}
BIG = "x" * 1_000_000
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats(allow_nan=False) | st.text(max_size=6)
    | st.decimals(-1000, 1000, places=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b-c", "in", "0", ""]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@each_row(
    ("text", "rendered"),
    [
        ("{{ data.price }}", "21.40"),
        ("{{ data.price + 1.5 }}", "22.90"),
        ("{{ 1.5 + data.price }}", "22.90"),
        ("{{ data.price - 21 }}", "0.40"),
        ("{{ data.price * 2 }}", "42.80"),
        ("{{ -data.price }}", "-21.40"),
        ("{{ 0.1 + 0.2 }}", "0.3"),
        ("{{ 7 / 2 }} {{ 7 // 2 }} {{ 7 % 2 }}", "3.5 3 1"),
        ("{{ (data.price / 3)|round(2) }}", "7.13"),
        ("{{ 0.125|round(2) }} {{ 2.5|round }} {{ 2.1|round(0, 'ceil') }} {{ 2.9|round(0, 'floor') }}", "0.13 3 3 2"),
        ("{{ 7.1|round(2) }}", "7.10"),
        ("{{ data.lines|sum(attribute='v') }}", "3.10"),
        ("{{ data.lines|map(attribute='v')|sum }}", "3.10"),
        ("{{ 'EUR ' ~ data.price }}", "EUR 21.40"),
        ("{{ data.price|string }} {{ data.price|e }}", "21.40 21.40"),
        ("{{ [data.price, 1]|join(' and ') }}", "21.40 and 1"),
        ("{{ data.lines|join(', ', attribute='n') }}", "a, b"),
        ("{{ data.lines|tojson }}", '[{"n": "a", "v": 1.10}, {"n": "b", "v": 2}]'),
        ("{{ {'a': [], 'b': [1]}|tojson(2) }}", '{\n  "a": [],\n  "b": [\n    1\n  ]\n}'),
        ("{{ data.supplier|tojson }}", '"A & B"'),
        ("{{ data.lines }}", '[{"n": "a", "v": 1.10}, {"n": "b", "v": 2}]'),
        ("{{ message }} {{ message|e }}", "hello <b> hello &lt;b&gt;"),
        ("{{ message[:5]|upper }}", "HELLO"),
        ("{{ now[:10] }}", "2026-03-02"),
        ("{{ decisions['buyer-approval'].comment or 'declined' }}", "declined"),
        ("{{ data.nothing|default('-') }} {{ data.nothing is defined }}", "- False"),
        ("{{ conversation.turns[0].message }}", "first"),
        ("{{ 'a' if turn == 1 else 'b' }}", "a"),
        ("{% for g in data.lines|groupby('n') %}{{ g.grouper }}{{ g.list|length }} {% endfor %}", "a1 b1 "),
        ("{{ data.lines|selectattr('n', 'equalto', 'b')|map(attribute='v')|first }}", "2"),
        ("{{ range(3) }}{% for i in range(3) %}{{ loop.index }}{% endfor %}", "[0, 1, 2]123"),
        ("{{ message|replace('l', 'L', 1) }} {{ message|replace('l', 'L') }}", "heLlo <b> heLLo <b>"),
        ("{% for x in data.none %}{% else %}empty{% endfor %}", "empty"),
    ],
)
def test_values_keep_their_places_and_forms(text: str, rendered: str) -> None:
    assert template(text).render(SEEN) == rendered


@each_row(
    ("text", "rendered"),
    [
        ("a\n", "a\n"),
        ("{{ turn }}\n", "1\n"),
        ("{{ turn }}\n\n", "1\n\n"),
        ("x{% if turn %}y{% endif %}\nz", "xy\nz"),
        ("| a |\n{% for x in data.lines %}\n| {{ x.n }} |\n{% endfor %}\nend\n", "| a |\n| a |\n| b |\nend\n"),
        ("a\n  {# a remark #}\nb", "a\nb"),
        ("a\n\n{% if turn %}\n  b\n{% endif %}\n\nc", "a\n\n  b\n\nc"),
        ("{% raw %}\n{% x %}\n{% endraw %}", "\n{% x %}\n"),
        ("{{ '' }}  \n", "  \n"),
    ],
)
def test_only_a_line_that_holds_one_tag_and_nothing_else_leaves_no_line(text: str, rendered: str) -> None:
    assert template(text).render(SEEN) == rendered


@each_row("text", ["", "a {b} %}", "line\n", "{ {x} }", "\ud800 lone"])
def test_text_without_template_syntax_is_plain_and_stands_as_it_is(text: str) -> None:
    read = template(text)
    assert read.plain
    assert read.looked_up == ()
    assert read.render({}) == text


def test_a_template_is_read_once() -> None:
    assert template("{{ turn }}") is template("{{ turn }}")
    assert not template("{{ turn }}").plain


def test_the_paths_of_a_template_bear_their_lines() -> None:
    text = "{{ data.supplier }}\n{{ decisions['buyer-approval'].comment }}\n{% for x in data['a'] %}\n{{ x.y }}{% endfor %}"
    assert template(text).looked_up == (
        (1, ("data", "supplier")),
        (2, ("decisions", "buyer-approval", "comment")),
        (3, ("data", "a")),
    )


def test_a_computed_part_cuts_a_path_short_and_is_looked_at_itself() -> None:
    assert set(template("{{ data[match.left].x }}").looked_up) == {(1, ("data",)), (1, ("match", "left"))}


HOSTILE = [
    ("{{ _x }}", "unknown name"),
    ("{{ self }}", "unknown name"),
    ("{{ config }}", "unknown name"),
    ("{{ loop }}", "unknown name"),
    ("{% autoescape true %}x{% endautoescape %}", "autoescape %} is not allowed here"),
    ("{{ range }}", "unknown name range"),
    ("{{ range.__globals__ }}", "unknown name range"),
    ("{{ _x }}", "unknown name"),
    ("{{ 9**9**9 }}", r"\*\* is not allowed"),
    ("{% set x = 1 %}", "set"),
    ("{% macro m() %}{% endmacro %}", "macro"),
    ("{% include 'x' %}", "include"),
    ("{% import 'x' as y %}", "import"),
    ("{% extends 'x' %}", "extends"),
    ("{% block b %}{% endblock %}", "block"),
    ("{% filter upper %}x{% endfilter %}", "filter"),
    ("{% call message() %}{% endcall %}", "call"),
    ("{% with a = 1 %}{% endwith %}", "with"),
    ("{{ message.upper() }}", "nothing may be called"),
    ("{{ message.format(1) }}", "nothing may be called"),
    ("{{ range(3)() }}", "nothing may be called"),
    ("{{ '%1000000000d' % 1 }}", "% formats no text here"),
    ("{{ decisions.g.verdict == 'Approved' }}", "there is no verdict Approved"),
    ("{{ 'approve' == decisions.g.votes[0].verdict }}", "there is no verdict approve"),
    ("{{ decisions['g'].verdict not in ['rejected', 'timed_out'] }}", "there is no verdict timed_out"),
    ("{{ 'a'|center(1000000000) }}", "unknown filter center"),
    ("{{ 'a'|indent(1000000000) }}", "unknown filter indent"),
    ("{{ 'a'|attr('x') }}", "unknown filter attr"),
    ("{{ [1, 2]|random }}", "unknown filter random"),
    ("{{ '%1000000000d'|format(1) }}", "unknown filter format"),
    ("{{ data|xmlattr }}", "unknown filter xmlattr"),
    ("{{ 'a'|_passages(0) }}", "unknown filter _passages"),
    ("{{ ['a']|map('_weighed') }}", "unknown filter _weighed"),
    ("{{ data is callable }}", "unknown test callable"),
    ("{% for a in data recursive %}{{ loop(a) }}{% endfor %}", "nothing may be called"),
    ("{% for message in data %}{% endfor %}", "may not be called message"),
    ("{% for a, range in data %}{% endfor %}", "may not be called range"),
    ("{% for loop in data %}{% endfor %}", "may not be called loop"),
    ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "deep"),
    ("{{ " + "[" * 300 + "1" + "]" * 300 + " }}", "deep"),
    ("{{ " + "1 + " * 500 + "1 }}", "deep"),
    ("{{ " + "9" * 5000 + " }}", "can't be read"),
    ("{{ message", "never closed"),
    ("{% if turn %}", "{% if … %} is never closed"),
    ("{{ turn | }}", "."),
    ("{% endfor %}", "{% endfor %} closes nothing"),
]


@each_row(("text", "why"), HOSTILE, ids=[text[:40] for text, _ in HOSTILE])
def test_a_hostile_template_is_refused_when_it_is_read_at_once(text: str, why: str) -> None:
    began = process_time()
    with pytest.raises(TemplateError, match=why):
        template(text)
    assert process_time() - began < 0.5  # where it went wrong it took minutes


@pytest.mark.parametrize(
    ("text", "near", "known"),
    [
        ("{{ 'a'|uper }}", "did you mean upper? filters: ", FILTERS),
        ("{{ 'a'|foo }}", "filters: ", FILTERS),
        ("{{ turn is dfined }}", "did you mean defined? tests: ", TESTS),
    ],
)
def test_an_unknown_filter_or_test_comes_with_the_nearest_and_all_there_are(
    text: str, near: str, known: Iterable[str]
) -> None:
    with pytest.raises(TemplateError) as refused:
        template(text)
    assert refused.value.faults[0].hint == near + " ".join(sorted(known))


@each_row(
    ("text", "said"),
    [
        ("{{ turn ? 1 : 2 }}", "? is no operator here; write A if CONDITION else B"),
        ("{{ “x” }}", "“ is no quote here; write '…'"),
        ("{{ $turn }}", "$ has no meaning here; text in an expression stands in quotes"),
        ("{{ turn === 1 }}", "= compares nothing here; compare by == != < <= > >="),
        ("{{ turn <> 1 }}", "> compares nothing here; compare by == != < <= > >="),
        ("{{ (turn + 1 }}", "a ) is missing; an expression ends with }}, a tag with %}"),
        ("{{ turn + 1) }}", "a lone ); nothing is open that it could close"),
        ("{# x", "{# is never closed; a comment ends with #}"),
        ("{% if turn %}a{% elsif turn %}b{% endif %}", "unknown tag else if; write {% elif … %}"),
        ("{% if turn %}a{% end if %}", "unknown tag end; {% if … %} ends with {% endif %}"),
        ("{{ }}", "a name is missing; write one, as {{ message }}"),
        ("{{ message | }}", "a name is missing; write one, as {{ message }}"),
        ("{{ 'it's' }}", "s stands where the expression should have ended; "
         "join texts with ~, write tags as {% if … %}, and quotes in '…' as \\'"),
        ("{{ now() }}", "nothing may be called but range; write now without ()"),
        ("{{ message.format(1) }}", "nothing may be called but range; filters do it, as {{ message | upper }}"),
        ("{{ null }}", "unknown name null; write none"),
    ],
)  # fmt: skip
def test_what_can_not_be_read_is_told_in_words_of_what_its_author_did(text: str, said: str) -> None:
    with pytest.raises(TemplateError) as refused:
        template(text)
    (fault,) = refused.value.faults
    assert f"{fault.what}; {fault.hint}" == said


FAILING = [
    ("{{ data.nothing }}", "there is no nothing here"),
    ("{{ data.nothing.more }}", "there is no nothing here"),
    ("{{ data.nothing ~ 'a' }}", "there is no nothing here"),
    ("{{ data.nothing + 1 }}", "there is no nothing here"),
    ("{% for x in data.nothing %}{% endfor %}", "there is no nothing here"),
    ("{% if data.nothing %}{% endif %}", "there is no nothing here"),
    ("{{ message.upper }}", "there is no upper here"),
    ("{{ data.items }}", "there is no items here"),
    ("{{ data.lines[9] }}", "there is no 9 here"),
    ("{{ ''.__class__ }}", "there is no __class__ here"),
    ("{{ ''['__class__'] }}", "there is no __class__ here"),
    ("{{ [data]|map(attribute='__class__')|list }}", "there is no __class__ here"),
    ("{{ (1, 2).__class__ }}", "unsafe"),
    ("{% for i in [1] %}{{ loop.__class__ }}{% endfor %}", "unsafe"),
    ("{% for i in [1] %}{{ loop }}{% endfor %}", "no form as a text"),
    ("{% for i in [1] %}{{ loop[i] }}{% endfor %}", "there is no 1 here"),
    ("{{ range(a=3) }}", "unexpected keyword argument"),
    ("{{ range(*data.lines) }}", "can't be|cannot be"),
    ("{{ [1]|map(message[:3])|list }}", "No filter named 'xxx'"),
    ("{% for a in range(1000) %}{{ [range(1000)]|map(*['_passages', -1000])|list|length }}{% endfor %}", "work"),
    ("{{ 'a' * 1000000000 }}", "numbers only"),
    ("{{ data.lines * 1000000000 }}", "numbers only"),
    ("{{ [1] + [2] }}", "numbers only"),
    ("{{ true + 1 }}", "numbers only"),
    ("{{ '1,250'|int }}", 'int finds no number in "1,250"'),
    ("{{ ''|int }}", 'int finds no number in ""'),
    ("{{ none|float }}", "float finds no number in None"),
    ("{{ 'nan'|float }}", "float finds no number"),
    ("{{ data.nothing|int }}", "there is no nothing here"),
    ("{{ 1|round(2, 'half') }}", "round takes -9 to 9 places, and 'common', 'ceil' or 'floor'"),
    ("{% for x in 5 %}{% endfor %}", r"a loop passes over a list, and this is 5: write range\(…\) to count"),
    ("{% for x in none %}{% endfor %}", "a loop passes over a list, and this is None$"),
    ("{{ -message }}", "numbers only"),
    ("{{ 10000000 * 1000000000 }}", r"10\^15"),
    ("{{ 1e300 * 1 }}", r"10\^15"),
    ("{{ 1 / 0 }}", "zero"),
    ("{{ data.price / 0 }}", "."),
    ("{{ 'x'|abs }}", "."),
    ("{{ '%1000000000d' is odd }}", "numbers only"),
    ("{{ '%1000000000d' is divisibleby(2) }}", "numbers only"),
    ("{{ ['%1000000000d']|select('even')|list }}", "numbers only"),
    ("{% for i in [1] %}{{ loop.cycle }}{% endfor %}", "no form as a text"),
    ("{% for i in [1] %}{{ [loop.changed] }}{% endfor %}", "no form in JSON"),
    ("{% for g in [{'a': 1}]|groupby('a') %}{{ g[data.private] }}{% endfor %}", "unsafe|there is no"),
    ("{{ range(1001) }}", "longer than 1000"),
    ("{{ range(0, 1000000000000) }}", "longer than 1000"),
    ("{{ 1|round(1000000000) }}", "-9 to 9"),
    ("{{ data|tojson(1000000000) }}", "1 to 8"),
    ("{{ data.nothing|tojson }}", "there is no nothing here"),
    ("{{ message|replace('', message) }}", "empty separator"),
    ("{{ message|replace('x', message) }}", "16 MiB"),
    ("{{ range(1000)|join(message) }}", "work"),
    ("{{ range(1000)|join(message[:100000]) }}", "16 MiB"),
    ("{{ " + " ~ ".join(["message"] * 40) + " }}", "work|16 MiB"),
    ("{{ [" + ", ".join(["message"] * 40) + "]|tojson }}", "work|16 MiB"),
    ("{{ [" + ", ".join(["message"] * 40) + "] }}", "work"),
    ("{{ [" + ", ".join(["message"] * 90) + "]|sort|length }}", "work"),
    ("{% for a in range(17) %}{{ message }}{% endfor %}", "16 MiB"),
    ("{% for a in message %}{% for b in message %}{% endfor %}{% endfor %}", "work"),
    (
        "{% for a in range(1000) %}{% for b in range(1000) %}{% if message == message ~ a %}{% endif %}{% endfor %}{% endfor %}",
        "work",
    ),
    ("{% for a in range(1000) %}{% for b in range(1000) %}{{ message[1:]|length }}{% endfor %}{% endfor %}", "work"),
    ("{% for a in range(1000) %}{{ message|list|sort|first }}{% endfor %}", "work"),
    ("{% for a in range(1000) %}{% for b in range(900) %}{{ a * 1 + 0 }}{% endfor %}{% endfor %}", "work"),
    ("{% for a in range(1000) %}{% if message == data.same %}{% endif %}{% endfor %}", "work"),
    ("{% for a in range(1000) %}{% if 'y' in message %}{% endif %}{% endfor %}", "work"),
    ("{% for a in range(1000) %}{% if message[1:] %}{% endif %}{% endfor %}", "work"),
    ("{% if " + " ~ ".join(["message"] * 20) + " %}{% endif %}", "work"),
]


@each_row(("text", "why"), FAILING, ids=[text[:60] for text, _ in FAILING])
def test_what_can_only_be_told_when_rendering_fails_before_anything_large_is_built(text: str, why: str) -> None:
    began = process_time()
    with pytest.raises(RenderFailure, match=why):
        template(text).render({**SEEN, "message": BIG, "data": {**DATA, "same": BIG[1:] + "x"}})
    assert process_time() - began < 0.5  # where it is bounded no more it takes seconds, or minutes


@each_row(
    ("text", "least"),
    [
        (
            "{% for a in range(500) %}{% for b in [] %}{% else %}" + "{{ 1 }}" * 40 + "{% endfor %}{% endfor %}",
            500 * 40,
        ),
        ("{{ data.short|replace('x', data.long) }}", 50 * 10_000 // 16),
        ("{{ [data.short]|map(attribute=data.dots)|list|length }}", 2 * 2 * 1000),
        ("{{ data.numbers|sort|length }}", 10_000 * 6),
        ("{{ data.numbers|sum }}", 10_000 * 8),
        ("{{ data.long|title }}", 10_000),
        ("{{ data.long|list|length }}", 10_000),
    ],
)
def test_what_something_costs_grows_with_what_it_does(text: str, least: int) -> None:
    data = {"short": "x" * 50, "long": "y" * 10_000, "dots": "0." * 999 + "0", "numbers": list(range(10_000))}
    budget = bounds.Budget()
    template(text).render({"data": data}, budget)
    assert bounds.MOST_WORK - budget.left >= least


_NEAR = "{% for a in range(4) %}{% for b in range(1000) %}{{ b + 1 }}{% endfor %}{% endfor %}"


def test_texts_in_a_pool_are_begun_as_long_as_steps_are_left_and_conditions_don_t_count_there() -> None:
    budget = bounds.Budget()
    template(_NEAR).render({}, budget)
    each = bounds.MOST_WORK - budget.left
    fit = -(-bounds.POOL // each)
    assert 1 < fit < 10

    def written() -> list[object]:
        said = [outcome(lambda text=f"{_NEAR}{number}": template(text).render({})[:1]) for number in range(10)]
        assert condition("{{ data.a }}").holds({"data": {"a": True}})
        assert template(f"{{{{ turn + {len(said)} }}}}").looked_up  # to read one costs nobody's steps
        return said

    refused = "the texts together do too much work"
    assert bounds.pooled(bounds.Pool(), written) == ["1"] * fit + [refused] * (10 - fit)
    # the last one may go on as far as one alone may, all told: a call takes no longer than the worst text
    pool, last = bounds.Pool(), _NEAR * (bounds.MOST_WORK // each)
    assert outcome(lambda: template(last).render({})[:1]) == "1"
    assert bounds.pooled(pool, lambda: outcome(lambda: template(_NEAR + "!").render({})[:1])) == "1"
    assert bounds.pooled(pool, lambda: outcome(lambda: template(last).render({})[:1])) == refused
    assert bounds.POOL - pool.left < bounds.MOST_WORK + each
    assert written() == ["1"] * 10


@pytest.mark.parametrize(
    "text",
    [
        "{% for a in message %}{% for b in message %}x{% endfor %}{% endfor %}",
        "{% for a in range(1000) %}{% for b in [] %}{% else %}{{ a }}{{ a }}{{ a }}{% endfor %}{% endfor %}" * 40,
        "{% for a in range(1000) %}{{ data.numbers|sort(reverse=true)|first }}{% endfor %}",
        "{{ [data.x]|map(attribute=data.dots)|list }}" * 9,
        "{% for a in range(1000) %}{% if data.marks|striptags %}{% endif %}{% endfor %}",
        "{% for a in range(1000) %}{% if data.marks|title %}{% endif %}{% endfor %}",
        "{% for a in range(1000) %}{% if data.umlauts|urlencode %}{% endif %}{% endfor %}",
        "{% for a in range(1000) %}{% if message|default('') ~ a %}{% endif %}{% endfor %}",
        "{% for a in range(1000) %}{{ ('x'|replace('x', message))|length }}{% endfor %}",
        "{% for a in range(1000) %}{% for b in range(1000) %}{{ loop.last }}{% endfor %}{% endfor %}",
        "{{ data.deep|tojson(8) }}" * 20,
    ],
)
def test_no_text_takes_long_before_its_steps_are_spent(text: str) -> None:
    deep: list[object] = list(range(3000))
    for _ in range(150):
        deep = [deep]
    names = {
        "message": BIG,
        "data": {
            "numbers": [place * 7919 % 80021 / 7 for place in range(50_000)], "x": "x", "dots": "0." * 400_000 + "0",
            "marks": "% &<" * 200_000, "umlauts": "é" * 500_000, "deep": deep,
        },
    }  # fmt: skip
    read = template(text)
    began = process_time()
    with pytest.raises(RenderFailure, match="work"):
        read.render(names)
    assert process_time() - began < 0.25  # some 0.05 on a machine that does nothing else


def test_an_output_may_be_as_large_as_the_limit_and_no_larger() -> None:
    text = "{% for a in range(16) %}{{ message }}{% endfor %}"
    assert len(template(text).render({"message": "x" * (1 << 20)})) == 16 << 20
    with pytest.raises(RenderFailure, match="16 MiB"):
        template(text + "y").render({"message": "x" * (1 << 20)})


@pytest.mark.parametrize("cell", ["{{ row.c%d }}", "{{ row.c%d|e }}", "{{ row.c%d|round(2) }}"])
def test_a_table_of_a_thousand_rows_of_ten_cells_fits(cell: str) -> None:
    rows = [{f"c{place}": Decimal(row * place) / 100 for place in range(10)} for row in range(1000)]
    text = "{% for row in data.rows %}\n" + "|".join(cell % place for place in range(10)) + "\n{% endfor %}\n"
    assert template(text).render({"data": {"rows": rows}}).count("\n") == 1000


_TESTS = f"tests: {' '.join(sorted(TESTS))}"
_FILTERS = f"filters: {' '.join(sorted(FILTERS))}"


@each_row(
    ("expression", "what", "hint"),
    [
        ("[1] | select('is_odd')", "unknown test is_odd", f"did you mean odd? {_TESTS}"),
        ("[1] | select('definde')", "unknown test definde", f"did you mean defined? {_TESTS}"),
        ("['a'] | select('startswith', 'a')", "unknown test startswith", _TESTS),
        ("['a'] | map('uper')", "unknown filter uper", f"did you mean upper? {_FILTERS}"),
        ("['a'] | map('strip')", "unknown filter strip", f"did you mean trim? {_FILTERS}"),
        ("[1] | select('isnull')", "unknown test isnull", f"did you mean none? {_TESTS}"),
        ("'a' | to_json", "unknown filter to_json", f"did you mean tojson? {_FILTERS}"),
        ("'a' | toUpperCase", "unknown filter toUpperCase", f"did you mean upper? {_FILTERS}"),
        ("['a'] | map('odd')", "unknown filter odd", _FILTERS),
    ],
)  # fmt: skip
def test_what_a_filter_is_told_the_name_of_has_to_be_there(expression: str, what: str, hint: str) -> None:
    with pytest.raises(TemplateError) as caught:
        template(f"{{{{ {expression} }}}}")
    (fault,) = caught.value.faults
    assert (fault.what, fault.hint) == (what, hint)


@each_row(
    ("expression", "text"),
    [
        ("[0, 1] | select | list", "[1]"), ("[3, 4] | select('odd') | list", "[3]"), ("[3, 4] | reject('gt', 3) | list", "[3]"),
        ("['a'] | map('upper') | list", '["A"]'), ("[{'in': 1}] | map(attribute='in') | list", "[1]"),
        ("[{'a': 1}] | selectattr('a') | list", '[{"a": 1}]'), ("[{'in': 1}] | selectattr('in', 'eq', 1) | list", '[{"in": 1}]'),
        ("['x'] | map('replace', 'x', 'in') | list", '["in"]'),
        ("[1, 2] | select('in', [1]) | list", "[1]"), ("[1, 9] | select('>', 5) | list", "[9]"),
        ("[{'a': 1}] | rejectattr('a', '==', 1) | list", "[]"), ("1 is in [1]", "True"),
    ],
)  # fmt: skip
def test_names_that_are_there_and_other_texts_are_taken(expression: str, text: str) -> None:
    assert template(f"{{{{ {expression} }}}}").render({}) == text


def test_every_fault_of_a_template_is_told_with_its_line() -> None:
    with pytest.raises(TemplateError) as caught:
        template("{{ mesage }}\n{{ data|centre }}\n\n{{ a.__b }}")
    assert [(fault.line, fault.what, fault.hint) for fault in caught.value.faults][:2] == [
        (1, "unknown name mesage", "did you mean message?"),
        (2, "unknown filter centre", f"filters: {' '.join(sorted(FILTERS))}"),
    ]
    assert {fault.line for fault in caught.value.faults} == {1, 2, 4}
    assert caught.value.faults[0].line == 1
    assert (2, ("data",)) in caught.value.looked_up


def test_a_fault_after_a_line_with_a_tag_alone_keeps_its_line() -> None:
    with pytest.raises(TemplateError) as caught:
        template("{% if turn %}\na\n{% endif %}\n{{ b }}")
    assert caught.value.faults[0].line == 4


def test_a_value_is_never_template_source() -> None:
    assert template("{{ message }}").render({"message": "{{ 7*7 }}{% set x = 1 %}"}) == "{{ 7*7 }}{% set x = 1 %}"


def test_the_names_are_those_of_the_scenario_language() -> None:
    assert (
        sorted(TEMPLATE_NAMES)
        == "client conversation data decisions delegates job match message now parameters turn user".split()
    )


@each_row("text", ["{{ data }}", "{{ [data] }}", "{{ data|string }}", "{{ data|tojson }}", "{{ data ~ '' }}"])
def test_what_has_no_form_as_a_text_fails_instead_of_showing_what_python_says_of_it(text: str) -> None:
    with pytest.raises(RenderFailure, match="no form"):
        template(text).render({"data": object()})


@given(_JSON)
def test_to_look_at_a_value_costs_a_step_at_least_for_each_part_of_it(value: object) -> None:
    budget = bounds.Budget()
    bounds.within(budget, lambda _: bounds.weigh(value), {})
    assert bounds.MOST_WORK - budget.left >= _parts(value)


def _parts(value: object) -> int:
    inner = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return 1 + sum(map(_parts, inner))


_ROOTS = st.sampled_from([*sorted(TEMPLATE_NAMES), "row", "range", "none", "_x"])
_PARTS = st.sampled_from(
    [".a", ".in", ".b", ".items", "['b-c']", '["a"]', "['']", "[0]", "[1]", "['0']", "[7]", "[-1]", "[1_0]", "[a]", "[00]",
     " .a", "._a", "['_a']", "['a\\'b']", ".0", ".a()", "[true]"]
)  # fmt: skip
_BLANK = st.sampled_from(["", " ", "\n", " \t", "\r\n", "-", "- ", "\u2003"])
_SPELT = st.tuples(_BLANK, _ROOTS, st.lists(_PARTS, max_size=3).map("".join), _BLANK).map(
    lambda parts: f"{{{{{''.join(parts)}}}}}"
)
_COMPARED = st.sampled_from(["", " == 'a'", "!='approved'", " == 'no verdict'", " in 'a'", ' == ""', "=='a' or turn"])
_TAGS = st.tuples(_BLANK, _ROOTS, st.lists(_PARTS, max_size=2).map("".join), _COMPARED, _BLANK).map(
    lambda parts: f"{{%{parts[0]}if {''.join(parts[1:])}%}}"
)
_CHOICES = st.tuples(
    _TAGS, st.sampled_from(["a", "\n", "b\n"]), st.sampled_from(["", "{% else %}", "\n{% else%}\nc", "{%else%}{% else %}"]),
    st.sampled_from(["{% endif %}", "{%- endif %}\n", "\n {% endif %}\n", "", "{% ENDIF %}"]),
).map("".join)  # fmt: skip
_TEXTS = st.lists(
    _SPELT | _CHOICES | _TAGS | st.text(max_size=4)
    | st.sampled_from(["{", "}", "}}", "%}", "#}", "\n", "{% endif %}", "{% else %}", "raw"]),
    max_size=5,
).map("".join)  # fmt: skip
_NAMES = st.dictionaries(st.sampled_from(sorted(TEMPLATE_NAMES)), _JSON, max_size=8)


def outcome(make: Callable[[], object]) -> object:
    """What comes of it, or what is said instead."""
    try:
        return make()
    except TemplateError as error:
        return error.faults, error.looked_up
    except RenderFailure as failure:
        return str(failure)


@contextmanager
def by_jinja() -> Iterator[None]:
    """Nothing is read by the lab itself, and no text from before remembered."""
    memos = (template, condition, derivation)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(templates, "_segments", lambda *_: None)
        for memo in memos:
            memo.cache_clear()
        yield
    for memo in memos:
        memo.cache_clear()


@examples(60, thorough=5000)
@given(_TEXTS, _NAMES)
@example(
    "{{ message }}\n{{data.a['b-c'][0]}}{{{ turn }}}",
    {"message": "{{ x }}", "data": {"a": {"b-c": [Decimal("1.10")]}}, "turn": 1},
)
@example("a\r\n{{ message }}\r", {"message": "m"})
@example("{{ data['_a'] }}", {"data": {"_a": 1}})
@example("{{ message[0] }}{{ message[9] }}", {"message": "abc"})
@example('{{ data["a"] }}{{ data.b }}', {"data": {"a": {"in": [None, True, 1.5]}}})
@example("a\n {% if turn == 'a' %} \nb{{ message }}\n{% else %}\n{{ data }}{% endif %}c", {"turn": "a", "message": "m"})
@example("{% if turn != 'a' %}{% if data %}b{% else %}c{% endif %}{% endif %}d", {"turn": 1, "data": {}})
@example("{% if decisions.a.verdict == 'no verdict' %}{% endif %}", {"decisions": {"a": {"verdict": "approved"}}})
@example("{% if decisions.a.verdict == 'approved' %}y{% endif %}", {"decisions": {"a": {"verdict": "approved"}}})
@example("{% if data.b %}{% endif %}{{ message }}", {"data": {"a": 1}})
@example("{% if data == 'a' %}{% endif %}", {})
def test_a_look_up_gives_by_the_lab_s_own_reading_what_it_gives_by_jinja_s(text: str, names: dict[str, object]) -> None:
    def outcomes() -> list[object]:
        return [
            outcome(lambda: template(text).looked_up),
            outcome(lambda: template(text).render(names)),
            outcome(lambda: (condition(text).path, condition(text).looked_up)),
            outcome(lambda: condition(text).value(names)),
            outcome(lambda: condition(text).holds(names)),
            outcome(lambda: type(derivation(text))),
        ]

    own = outcomes()
    with by_jinja():
        assert outcomes() == own


def test_texts_that_only_look_something_up_load_no_jinja() -> None:
    program = """
import sys
from lab.language.templates import condition, derivation, template, timeless_template
names = {"data": {"a": {"b-c": [1]}}, "turn": 1, "message": "hi", "decisions": {"x": {"verdict": None}}}
assert template("Dear {{ message }}, {{data.a['b-c'][0]}}\\n{{ decisions['x'].verdict }} {{ data.a }}").render(names)
assert template("{% if decisions.x.verdict == 'approved' %}a{% else %}b{% endif %}").render(names) == "b"
assert condition(" {{ turn }} ").value(names) == 1 and derivation("{{ data.a }}").path == ("data", "a")
assert timeless_template("{{ message }}").decided_later is False
print("jinja2" in sys.modules)
template("{{ message|upper }}")
print("jinja2" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


class _Watched(dict[str, object]):
    """Names that note what is asked of them."""

    def __init__(self) -> None:
        super().__init__(SEEN)
        self.sought: set[str] = set()

    def __getitem__(self, name: str) -> object:
        self.sought.add(name)
        return super().__getitem__(name)


@pytest.mark.parametrize("text", ["{{ turn }} {{ message }}", "{{ turn + 0 }}{% if false %}{{ message }}{% endif %}"])
def test_of_the_names_nothing_is_asked_but_what_a_text_looks_at(text: str) -> None:
    names = _Watched()
    template(text).render(names)
    assert names.sought == {"turn", "message"}
