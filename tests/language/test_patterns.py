"""Patterns: what RE2 reads, in time that grows with the message and no faster."""

import re
from time import thread_time

import pytest
import re2
from hypothesis import example, given
from hypothesis import strategies as st

from lab.core.errors import ScenarioError
from lab.language.parse import parse_scenario
from lab.language.patterns import LARGEST_PROGRAM, MOST_SEARCHED, BadPattern, Pattern, Spans
from tests.conftest import each_row, examples

LETTERS = "abkszABKSZ09_ \n.-éÉßẞſ\u212aİıΣσς一\u0345\x85\xa0\u2028😀\ud800\udfff\U0010ffff"
"""Cases with three letters, words of other scripts, ends of lines, surrogates."""
encodable = [letter for letter in LETTERS if not "\ud800" <= letter <= "\udfff"]
letters = st.sampled_from(encodable).map(re2.escape)
leaf = st.one_of(
    letters, st.sampled_from(r"\w \d \s \W \D \S . \b \B ^ $ \A \z \pL \C [^a] [a-z\pN] [[:alpha:]]".split())
)


def _larger(part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(part, part).map("".join),
        st.tuples(part, part).map("(?:{0[0]}|{0[1]})".format),
        part.map("(?P<GROUP>{})".format),
        part.map("(?<GROUP>{})".format),
        st.tuples(st.sampled_from(["i", "-i", "m", "s", "s-i", "U"]), part).map("(?{0[0]}:{0[1]})".format),
        st.tuples(part, st.sampled_from("* + ? {2} {1,3} {2,} *? +? ??".split())).map("(?:{0[0]}){0[1]}".format),
    )


def _named(text: str) -> str:
    while "<GROUP>" in text:
        text = text.replace("<GROUP>", f"<g{text.count('<GROUP>')}>", 1)
    return text


patterns = st.recursive(leaf, _larger, max_leaves=8).map(_named)
anything = st.text(st.sampled_from("ab(?P<=!>){1,}[]^$*+|\\wdZz19é "), max_size=12)


@examples(80, thorough=2_000)
@given(st.one_of(patterns, anything), st.lists(st.text(st.sampled_from(LETTERS), max_size=8), max_size=4))
@example(r"(?P<g1>\C)\C", ["é", "\ud800a"])
@example(r"(?:(?P<g1>a)|b)+", ["ab", "ba"])
def test_what_re2_reads_loads_and_its_groups_are_found_and_all_else_is_a_complaint(
    text: str, messages: list[str]
) -> None:
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = False
    try:
        peer = re2.compile(text, options)
    except re2.error:
        with pytest.raises(BadPattern, match="not a pattern of RE2: ") as bad:
            Pattern(text)
        assert bad.value.hint
        return
    if peer.programsize > LARGEST_PROGRAM:
        with pytest.raises(BadPattern, match="too large"):
            Pattern(text)
        return
    pattern = Pattern(text)
    for message in messages:
        found = peer.search(re.sub("[\ud800-\udfff]", "?", message))
        groups = pattern.groups(message)
        assert pattern.fits(message) is (found is not None) is (groups is not None)
        if found is not None:
            spans = {name: found.span(number) for name, number in peer.groupindex.items()}
            assert groups == {name: message[start:end] if start >= 0 else "" for name, (start, end) in spans.items()}


@each_row(
    ("pattern", "complaint"),
    [
        ("(", "not a pattern of RE2: missing ): (; its syntax: lab docs scenarios, §3.3"),
        ("p(?=a)b", "not a pattern of RE2: invalid perl operator: (?=; it doesn't look around: match"),
        (r"\\(?!a)", "not a pattern of RE2: invalid perl operator: (?!; it doesn't look around"),
        ("b(?<=a)", "not a pattern of RE2: invalid perl operator: (?<=; it doesn't look around"),
        ("b(?<!a)", "not a pattern of RE2: invalid perl operator: (?<!; it doesn't look around"),
        (r"\\1(a)\1", r"not a pattern of RE2: invalid escape sequence: \1; it doesn't refer back: match"),
        ("(?P<x>a)(?P=x)", "not a pattern of RE2: invalid perl operator: (?P; it doesn't refer back"),
        ("(a)?(?(1)b|c)", "not a pattern of RE2: invalid perl operator: (?(; it doesn't refer back"),
        ("(?>a)", "not a pattern of RE2: invalid perl operator: (?>; write (?:…), and one +"),
        ("ba*+", "not a pattern of RE2: bad repetition operator: *+; write (?:…), and one + alone"),
        ("ba{2}+", "not a pattern of RE2: bad repetition operator: {2}+; write (?:…), and one + alone"),
        (r"a\Z", r"not a pattern of RE2: invalid escape sequence: \Z; write \z for the end"),
        (r"a\u00e9", r"not a pattern of RE2: invalid escape sequence: \u; write \z for the end, a letter itself"),
        ("(?x) a", "not a pattern of RE2: invalid perl operator: (?x; it knows the flags i, m, s and U"),
        ("(?ia)a", "not a pattern of RE2: invalid perl operator: (?ia; it knows the flags"),
        ("a(?#x)", "not a pattern of RE2: invalid perl operator: (?#; it knows the flags"),
        ("(?P<a-b>c)", "not a pattern of RE2: invalid named capture group: (?P<a-b>; a group is named (?P<NAME>…), of letters"),
        ("(?P<x>a)|(?<x>b)", "two groups are called x; only the first would be read: name them apart"),
        ("a{1001}", "not a pattern of RE2: invalid repetition size: {1001}; fit what tells messages apart"),
        ("(?:a{999}){999}", "not a pattern of RE2: invalid repetition size: {999}; fit what tells messages apart"),
        (".{400}", "too large: 3204 instructions, 2500 at most; fit what tells messages apart"),
        ("(" * 5000 + ")" * 5000, "too large: 10004 instructions, 2500 at most; fit what tells"),
        ("a" * 200_000, "not a pattern of RE2: pattern too large - compile failed; fit what tells"),
        ("a\ud800", "half a character (a lone surrogate) can't be looked for; "),
    ],
)  # fmt: skip
def test_what_re2_cannot_read_is_told_with_its_place_and_what_to_write(pattern: str, complaint: str) -> None:
    with pytest.raises(BadPattern) as refused:
        Pattern(pattern)
    assert f"{refused.value}; {refused.value.hint}".startswith(complaint)


def test_a_complaint_names_its_place_in_the_file() -> None:
    text = "lab: 1\nname: a\ntitle: A\nagent: {code: A}\nask: pay\nmatch: (?=p)pay\nsteps: [{complete: c, output: C}]\n"
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, "a.yaml")
    assert str(caught.value.complaints[0]).startswith(
        "a.yaml:6:8: match: not a pattern of RE2: invalid perl operator: (?="
    )


def test_there_is_a_largest_pattern() -> None:
    fixed = 4  # what RE2 adds of its own
    assert Pattern("a" * (LARGEST_PROGRAM - fixed)).fits("A" * LARGEST_PROGRAM)
    with pytest.raises(BadPattern, match="too large: 2501 instructions"):
        Pattern("a" * (LARGEST_PROGRAM - fixed + 1))


@each_row(
    ("pattern", "message", "word"),
    [
        (r"for (?P<who>\w+)", "Pay for Zoë, please", "Zoë"),
        (r"\bZo", "Zoë pays", "Zoë"),
        (r"(?P<who>\w+) pays", "Zoë pays", "Zoë"),
        (r"for (?P<who>\S+)", "for Zoë", None),
        (r"item (?P<item>\w+)", "Zoë: item X1", None),
        (r"\w+", "Zoe", None),
        (r"\\who", r"für \who", None),
    ],
)
def test_a_word_that_is_torn_at_a_letter_beyond_ascii_is_told(pattern: str, message: str, word: str | None) -> None:
    assert Pattern(pattern).cut(message) == word


@each_row("letter", ["a", "ë", "😀", "\ud800"])
def test_so_much_of_a_message_is_searched(letter: str) -> None:
    most = letter * (MOST_SEARCHED - 1)
    assert Pattern("(?P<end>b)$").groups(f"{most}b") == {"end": "b"}
    assert Pattern("b").fits(f"{most}bb")
    assert not Pattern("b").fits(f"{most}{letter}b")
    assert not Pattern("b$|b\\b").fits(f"{most}bb")  # the message goes on


@each_row(
    ("pattern", "message"),
    [
        (r"(?P<item>\w+) of org (?P<org>\w+)", "a" * MOST_SEARCHED),
        (r"(?P<item>\w+) of org (?P<org>\w+)", "a" * (MOST_SEARCHED - 9) + " of org b"),
        (r"(?P<item>\S+) of org (?P<org>\S+)", "".join(map(chr, range(0x10000, 0x10000 + MOST_SEARCHED)))),
        (r"(x+x+)+y", "x" * MOST_SEARCHED),
        (r"^(\w+\s?)+$", "a " * (MOST_SEARCHED // 2 - 1) + "!"),
        (r"(a|b|ab)+c", "ab" * (MOST_SEARCHED // 2)),
        (r"^(?P<all>.*?) to (?P<whom>.*)$", "x to " + "y" * (MOST_SEARCHED - 5)),
    ],
    ids=range(7),
)
def test_no_message_holds_anybody_up(pattern: str, message: str) -> None:
    linear = Pattern(pattern)
    took = []
    for _ in range(3):
        began = thread_time()
        linear.search(message)
        took.append(thread_time() - began)
    assert min(took) < 0.05  # as measured: 0.1 to 10 ms


def test_the_time_grows_with_the_message_and_no_faster() -> None:
    linear = Pattern(r"(\w+) (\w+) of org (?P<org>\w+)")

    def least(message: str) -> float:
        took = []
        for _ in range(5):
            began = thread_time()
            assert linear.search(message) is None
            took.append(thread_time() - began)
        return min(took)

    # a search that starts anew at each letter: 64 times
    assert least("a " * (MOST_SEARCHED // 2)) < 32 * least("a " * (MOST_SEARCHED // 16))


def test_a_message_is_searched_once() -> None:
    searched: list[str] = []

    class Counting(Pattern):
        def search(self, message: str) -> Spans | None:
            searched.append(message)
            return super().search(message)

    one, other = Counting("for (?P<who>.*)"), Counting("for (?P<whom>.)")
    for _ in range(2):
        for message in ("for Zoë", "nobody", "for " + "x" * MOST_SEARCHED):
            assert one.fits(message) is other.fits(message) is (one.groups(message) is not None)
    assert len(searched) == 2 * 3
