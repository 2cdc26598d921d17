"""Patterns: what Python's engine makes of them, in time that grows with the message and no faster."""

import re
import sys
import warnings
from time import perf_counter

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from lab.core.errors import ScenarioError
from lab.language.parse import parse_scenario
from lab.language.patterns import LARGEST_PROGRAM, BadPattern, LongMatch, Pattern
from lab.language.patterns.characters import ASCII_CASED, NO_CASE, NO_KIND, WORD_KINDS, Kind, character_kind
from tests.conftest import examples

MIB = 1 << 20
LETTERS = "abkszABKSZ09_ \n.-éÉßẞſ\u212aİıµμΣσςёЁ１٣½一\u0345ΙιᾳᾼǅǆǄ\x1c\x85\xa0\u2028ﬅﬆ😀\ud800\udfff\U0010ffff"
"""Those of which ASCII knows nothing: cases with three letters, digits, spaces and words of other scripts, surrogates."""
letters = st.sampled_from(LETTERS)
escaped = letters.map(lambda letter: f"\\U{ord(letter):08x}" if letter > "\x7f" else re.escape(letter))
member = st.one_of(
    escaped,
    st.sampled_from(r"\w \d \s \W \D \S".split()),
    st.tuples(letters, letters).map(lambda two: "-".join(f"\\U{ord(each):08x}" for each in sorted(two))),
)
classes = st.tuples(st.sampled_from(["", "^"]), st.lists(member, min_size=1, max_size=3)).map(
    lambda parts: f"[{parts[0]}{''.join(parts[1])}]"
)
leaf = st.one_of(escaped, classes, st.sampled_from(r"\w \d \s \W \D \S . \b ^ $ \A \Z".split()))


def _larger(part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(part, part).map("".join),
        st.tuples(part, part).map("(?:{0[0]}|{0[1]})".format),
        part.map("(?P<GROUP>{})".format),
        st.tuples(st.sampled_from(["i", "-i", "m", "s", "s-i"]), part).map("(?{0[0]}:{0[1]})".format),
        st.tuples(part, st.sampled_from("* + ? {2} {1,3} {2,} *? +? ??".split())).map("(?:{0[0]}){0[1]}".format),
    )


def _named(text: str) -> str:
    while "<GROUP>" in text:
        text = text.replace("<GROUP>", f"<g{text.count('<GROUP>')}>", 1)
    return text


patterns = st.tuples(st.sampled_from(["", "(?m)", "(?s)", "(?a)"]), st.recursive(leaf, _larger, max_leaves=8)).map(
    lambda parts: _named("".join(parts))
)


def of_python(pattern: str, message: str) -> dict[str, str] | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = re.search(pattern, message, re.IGNORECASE)
    return None if found is None else {name: value or "" for name, value in found.groupdict().items()}


@pytest.mark.long
@examples(50, thorough=1_000)
@given(patterns, st.lists(st.text(letters, max_size=8), min_size=1, max_size=5))
@example(r"(?P<g1>\w+)", ["Zoë", "ſ½一"])
@example(r"\bÉ\b|[^\W\d]\Z", ["é", "éé", "1\n", "a\n", "é\ud800"])
@example(r"(?P<g1>\S+?)\s*$", ["a \n", "a\x85\n\n", "\ud800"])
@example(r"(?m)^(?P<g1>.)$", ["ab\nc\n", "\n"])
@example(r"(?i:k)(?-i:k)", ["\u212ak", "k\u212a"])
@example(r"(?:(?P<g1>a)|b)+", ["ab", "ba", "bb"])
@example(r"(?a)\w\W\b", ["aé1", "éa", "\u212a"])
def test_both_engines_give_one_answer(pattern: str, messages: list[str]) -> None:
    try:
        linear = Pattern(pattern)
    except BadPattern:
        assume(False)
    for message in messages:
        expected = of_python(pattern, message)
        assert linear.groups(message) == expected
        assert linear.fits(message) is (expected is not None)


def test_most_patterns_are_taken() -> None:
    for pattern in (
        r"\w+",
        r"\bpay\b",
        r"^[^@\s]+@\S+$",
        r"(?x) a \s+ (?P<n> \d{4,10} )",
        r"(?:ja|yes)\b.*?(\d|½)",
        "Straße",
    ):
        Pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        ("(", "not a regular expression: missing ), unterminated subpattern at position 0"),
        ("(?=a)b", "(?=…) and (?<=…) look ahead and behind; match those characters too"),
        ("b(?<!a)", "(?!…) and (?<!…) look ahead and behind; name the characters"),
        (r"(a)\1", r"a reference back, as \1, can't be read in one pass; match both places"),
        ("(?P<x>a)(?P=x)", "a reference back"),
        ("(a)?(?(1)b|c)", "(?(…)…|…) asks what was found before; write both ways"),
        ("(?>a)", "(?>…) keeps what it took; write (?:…)"),
        ("a++", "*+, ++ and ?+ keep what they took; write *, + or ?"),
        ("(a*)*", "what is repeated may be empty; let it take a character"),
        ("(?:^|,)+", "what is repeated may be empty"),
        ("a$b", "$ that isn't the last of the pattern, or in a named group; put it last"),
        ("(?P<x>a$)", "$ that isn't the last"),
        (r"a\B", r"\B is read otherwise from version to version; name the characters"),
        (r"(?a:\w)", "the flags a and u of a part alone; write (?a) at the beginning"),
        ("a{301}", "too large: 305 instructions, 300 at most; repeat less often"),
        ("(?:a{1000}){1000}", "too large; repeat less often"),
        ("(?:" * 5000 + ")" * 5000, "longer than 2000 characters; fit what tells messages apart"),
        ("(" * 999 + ")" * 999, "groups nested too deep; leave out"),
        ("".join(map(chr, range(0x4E00, 0x4F10))), "too many different characters; write classes"),
    ],
)
def test_what_a_linear_engine_cannot_take_is_refused_with_a_hint(pattern: str, what: str) -> None:
    with pytest.raises(BadPattern) as refused:
        Pattern(pattern)
    assert f"{refused.value}; {refused.value.hint}".startswith(what)


def test_a_refusal_names_its_place() -> None:
    text = "lab: 1\nname: a\ntitle: A\nagent: {code: A}\nask: pay\nmatch: (?=p)pay\nsteps: [{complete: c, output: C}]\n"
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text, "a.yaml")
    assert str(caught.value.complaints[0]).startswith(
        "a.yaml:6:8: match: (?=…) and (?<=…) look ahead and behind; match"
    )


def test_there_is_a_largest_pattern() -> None:
    fixed = 4  # what RE2 adds of its own
    assert Pattern("a" * (LARGEST_PROGRAM - fixed)).fits("a" * LARGEST_PROGRAM)
    with pytest.raises(BadPattern, match="too large: 301 instructions"):
        Pattern("a" * (LARGEST_PROGRAM - fixed + 1))


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (r"(?P<item>\w+) of org (?P<org>\w+)", "a" * MIB),
        (r"(?P<item>\w+) of org (?P<org>\w+)", "a" * MIB + " of org b"),
        (r"(?P<item>\w+) of org (?P<org>\w+)", "ë" * (MIB // 2)),
        (r"(?P<item>\w+) of org (?P<org>\w+)", "".join(map(chr, range(0x10000, 0x10000 + MIB // 4)))),
        (r"(x+x+)+y", "x" * MIB),
        (r"^(\w+\s?)+$", "a " * (MIB // 2) + "!"),
        (r"(a|b|ab)+c", "ab" * (MIB // 2)),
    ],
    ids=range(7),
)
def test_a_message_of_one_mebibyte_holds_nobody_up(pattern: str, message: str) -> None:
    linear = Pattern(pattern)
    linear.groups(message[:100])  # what is made once, for letters beyond ASCII
    took = []
    for again in range(3):
        began = perf_counter()
        linear.groups(f"{message}{again}")  # another one: what was found is kept
        took.append(perf_counter() - began)
    assert min(took) < 0.1  # as measured: 5 to 40 ms


def test_the_time_grows_with_the_message_and_no_faster() -> None:
    linear = Pattern(r"(?P<item>\w+) of org (?P<org>\w+)")

    def least(message: str) -> float:
        took = []
        for again in range(5):
            began = perf_counter()
            assert linear.groups(f"{message}{again}") is None
            took.append(perf_counter() - began)
        return min(took)

    assert least("a" * MIB) < 32 * least("a" * (MIB // 8))  # a search that starts anew at each letter: 64 times


def test_a_long_message_is_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[str] = []
    for name in ("_search", "_search_groups"):
        search = getattr(Pattern, name)
        monkeypatch.setattr(Pattern, name, lambda *of, search=search: searched.append(of[1]) or search(*of))
    patterns = Pattern(r"searched (?P<what>\w+)\Z"), Pattern(r"searched (?P<what>\w)"), Pattern("never")
    long = ["x" * MIB + end for end in (" searched once", " searched twice", "")]
    for _ in range(2):
        assert [patterns[0].groups(each) for each in long] == [{"what": "once"}, {"what": "twice"}, None]
        assert [patterns[1].groups(each) for each in long] == [{"what": "o"}, {"what": "t"}, None]
        assert not any(patterns[2].fits(each) for each in long)
    assert len(searched) == 3 * 3 + 2 * 2


def test_a_match_too_long_for_its_groups_is_told_and_still_fits() -> None:
    wide = Pattern(r"(?P<one>\w*)\w{0,100}(?P<other>\w*)")
    message = "a" * (MIB // 2)
    assert wide.fits(message)
    with pytest.raises(LongMatch, match="match takes 524288 characters of the message, too many for its groups"):
        wide.groups(message)
    assert wide.groups(message[:1000]) == {"one": message[:1000], "other": ""}


@pytest.mark.long
def test_beyond_these_no_character_has_a_case_or_a_kind() -> None:
    every = "".join(map(chr, range(sys.maxunicode + 1)))
    assert not re.search(r"[\w\s]", every[NO_KIND:])
    assert not any(letter.lower() != letter or letter.upper() != letter for letter in every[NO_CASE:NO_KIND])
    of_words, digits, spaces = (set(re.findall(each, every)) for each in (r"\w", r"\d", r"\s"))
    for letter in every[:NO_KIND]:
        kind = character_kind(ord(letter))
        assert (letter in of_words, letter in digits, letter in spaces) == (
            kind in WORD_KINDS, kind is Kind.DIGIT, kind is Kind.SPACE,
        )  # fmt: skip


def test_no_other_character_equals_a_letter_of_ascii() -> None:
    every = "".join(map(chr, range(sys.maxunicode + 1)))
    assert sorted(re.findall("[a-z]", every, re.IGNORECASE)) == sorted(ASCII_CASED)
