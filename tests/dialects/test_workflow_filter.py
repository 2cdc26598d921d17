"""`$filter` of the list of workflows: it names what it says, and what it doesn't say well is refused where it begins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.dialects.fusion.fidelity import WORKFLOW
from lab.dialects.fusion.workflow_filter import DEEPEST_FILTER, FILTER_FIELDS, LONGEST_FILTER, fits, parse_filter
from lab.dialects.reading import Wrong
from tests.conftest import each_row

ITEM = {
    "workflowId": "300000123456789", "workflowCode": "EXPENSES", "workflowName": "It's \"paid\" and (so on)",
    "version": 7, "status": "PUBLISHED", "$context": {"etag": "e"},
}  # fmt: skip
OTHERS = ("", "expenses", "'", '""', "a or b", ")", "é 審", "12")


def test_every_member_may_be_compared_but_an_object() -> None:
    assert tuple(row.name for row in WORKFLOW if row.name != "$context") == FILTER_FIELDS


# What it means

blank = st.sampled_from(["", " ", "  ", "\t"])
space = st.sampled_from([" ", "  ", "\n "])


@st.composite
def comparisons(draw: st.DrawFn) -> tuple[str, bool]:
    """A comparison as it is written, and whether it holds."""
    field = draw(st.sampled_from(FILTER_FIELDS))
    right = str(ITEM[field])
    value = draw(st.just(right) | st.sampled_from(OTHERS))
    quote = draw(st.sampled_from("'\""))
    quoted = quote + value.replace(quote, quote * 2) + quote
    written = draw(st.sampled_from([value, quoted])) if value.isascii() and value.isdigit() else quoted
    equals = draw(st.sampled_from(["=", "eq", "EQ"]))
    gap = draw(blank) if equals == "=" else draw(space)
    return f"{field}{gap}{equals}{gap}{written}", value == right


def filters(inner: st.SearchStrategy[tuple[str, bool]]) -> st.SearchStrategy[tuple[str, bool]]:
    """Terms joined by and, and those by or, without brackets; what comes of them by Python's own rules."""

    @st.composite
    def joined(draw: st.DrawFn) -> tuple[str, bool]:
        rows = draw(st.lists(st.lists(inner, min_size=1, max_size=3), min_size=1, max_size=3))
        both, either = draw(st.sampled_from(["and", "AND"])), draw(st.sampled_from(["or", "Or"]))
        gap = draw(space)
        text = f"{gap}{either}{gap}".join(f"{gap}{both}{gap}".join(term for term, _ in row) for row in rows)
        return draw(blank) + text + draw(blank), any(all(holds for _, holds in row) for row in rows)

    return joined()


@given(filters(st.recursive(comparisons(), lambda inner: filters(inner).map(lambda it: (f"({it[0]})", it[1])), max_leaves=12)))  # fmt: skip
def test_a_filter_names_what_its_terms_say(filter_: tuple[str, bool]) -> None:
    text, holds = filter_
    if len(text) <= LONGEST_FILTER:
        assert fits(parse_filter(text), ITEM) is holds


@each_row(
    ("text", "holds"),
    [
        ("workflowCode='EXPENSES' and status='PUBLISHED'", True),
        ("workflowCode='EXPENSES'and(status='PUBLISHED')", True),
        ("workflowCode eq 'EXPENSES'", True),
        ("workflowCode = 'EXPENSES' and status = 'DRAFT'", False),
        ("version=7", True),
        ("version='7'", True),
        ("version=07", False),
        ("workflowName = 'It''s \"paid\" and (so on)'", True),
        ('workflowName = "It\'s ""paid"" and (so on)"', True),
        ("status='X' and status='X' or version=7", True),
        ("version=7 or status='X' and status='X'", True),
        ("(version=7 or status='X') and status='X'", False),
        ("workflowCode=''", False),
    ],
)
def test_examples(text: str, holds: bool) -> None:
    assert fits(parse_filter(text), ITEM) is holds


# What is refused, and where

KNOWN = "a field or ( is expected, not "
EQUALS = "= or eq is expected, not "
VALUE = "a text in quotes or a number is expected, not "
AFTER = "and, or, or the end is expected, not "


@each_row(
    ("text", "place", "why"),
    [
        ("", 1, KNOWN + "the end"),
        ("  ", 3, KNOWN + "the end"),
        ("owner='X'", 1, KNOWN + "owner"),
        ("workflowcode='X'", 1, KNOWN + "workflowcode"),
        ("$context='X'", 1, KNOWN + "$context"),
        ("'X'='X'", 1, KNOWN + "'X'"),
        ("=", 1, KNOWN + "="),
        ("not status='X'", 1, KNOWN + "not"),
        ("status", 7, EQUALS + "the end"),
        ("status ne 'X'", 8, EQUALS + "ne"),
        ("status<>'X'", 7, EQUALS + "<"),
        ("status!='X'", 7, EQUALS + "!"),
        ("status '='", 8, EQUALS + "'='"),
        ("status=", 8, VALUE + "the end"),
        ("status=PUBLISHED", 8, VALUE + "PUBLISHED"),
        ("status=='X'", 8, VALUE + "="),
        ("version=7a", 9, VALUE + "7a"),
        ("version=-7", 9, VALUE + "-"),
        ("status='X", 8, "the text that begins here has no end"),
        ("status='X''", 8, "the text that begins here has no end"),
        ('status="X', 8, "the text that begins here has no end"),
        ("status='X' 'Y'", 12, AFTER + "'Y'"),
        ("status='X' status='Y'", 12, AFTER + "status"),
        ("status='X' xor status='Y'", 12, AFTER + "xor"),
        ("status='X')", 11, AFTER + ")"),
        ("status='X';", 11, AFTER + ";"),
        ("status='X' and", 15, KNOWN + "the end"),
        ("status='X' or or status='Y'", 15, KNOWN + "or"),
        ("status='X' and 'or' and version=1", 16, KNOWN + "'or'"),
        ("(status='X'", 12, "and, or, or ) is expected, not the end"),
        ("(status='X' version=1)", 13, "and, or, or ) is expected, not version"),
        ("()", 2, KNOWN + ")"),
        ("(" * (DEEPEST_FILTER + 1) + "status='X'", DEEPEST_FILTER + 1, f"brackets are nested more than {DEEPEST_FILTER} deep"),
        ("status='" + "x" * LONGEST_FILTER, LONGEST_FILTER + 1, f"it is longer than {LONGEST_FILTER} characters"),
        ("st\nus='X'", 1, KNOWN + "st"),
        ("\x1b[31m", 1, KNOWN + "\\x1b"),
    ],
)  # fmt: skip
def test_what_can_not_be_read_is_refused_with_its_place(text: str, place: int, why: str) -> None:
    with pytest.raises(Wrong) as caught:
        parse_filter(text)
    refusal = caught.value.refusal
    assert (refusal.status, refusal.message) == (400, f"$filter, character {place}: {why}.")
    assert "FIELD='VALUE'" in refusal.hint and all(field in refusal.hint for field in FILTER_FIELDS)


def test_brackets_side_by_side_are_not_nested_and_as_many_as_are_allowed_are_read() -> None:
    deep = "(" * DEEPEST_FILTER + "version=7" + ")" * DEEPEST_FILTER
    assert fits(parse_filter(f"{deep} and {deep}"), ITEM)
    wide = " or ".join(["(version=1)"] * 100 + ["version=7"])
    assert fits(parse_filter(wide), ITEM)
    exact = "status='" + "x" * (LONGEST_FILTER - 9) + "'"
    assert len(exact) == LONGEST_FILTER and not fits(parse_filter(exact), ITEM)


def test_a_field_that_is_nearly_one_is_told_to_the_journal() -> None:
    with pytest.raises(Wrong) as caught:
        parse_filter("version=7 and workflowcode='X'")
    assert caught.value.refusal.near == ("workflowCode",)


@given(st.text(alphabet="ab '\"()=7statuseqornd\n\\é", max_size=40) | st.text(max_size=30))
def test_any_text_is_read_or_refused_at_a_place_in_it(text: str) -> None:
    try:
        fits(parse_filter(text), ITEM)
    except Wrong as error:
        place = int(error.refusal.message.removeprefix("$filter, character ").partition(":")[0])
        assert 1 <= place <= len(text) + 1
