"""What counts as equal: laws of the one comparison, and the policies of a mock's replay and of another server's."""

from hypothesis import given
from hypothesis import strategies as st

from lab.core.clock import INSTANT_EPOCH
from lab.core.exchange import Json, Response
from lab.recording.bindings import Bindings
from lab.recording.client_replay.compare import AnswerComparator
from lab.recording.comparison import Comparator, ComparedMembers, ReplayComparator
from lab.recording.divergences import differing, first_difference
from lab.recording.format.text import dumps
from lab.recording.matchers import parse_matchers
from lab.recording.replay.compare import _cut_alike
from tests.conftest import each_row

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "a", "lab"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES, VALUES)
def test_without_policies_what_differs_is_what_is_not_equal(one: Json, other: Json) -> None:
    sides = Comparator().compared("res", None, {"body": one}, {"body": other})
    assert sides == ({"body": one}, {"body": other})
    assert (first_difference(*sides) is None) is (dumps_sorted(one) == dumps_sorted(other))


def dumps_sorted(value: Json) -> str:
    """The value, told apart from all that are not equal: true is not 1."""
    match value:
        case dict():
            return "{" + ",".join(f"{name}:{dumps_sorted(value[name])}" for name in sorted(value)) + "}"
        case list():
            return "[" + ",".join(map(dumps_sorted, value)) + "]"
        case _:
            return dumps(value)


@given(VALUES, VALUES)
def test_what_is_ignored_makes_no_difference_and_nothing_else_is_changed(one: Json, other: Json) -> None:
    ignored = parse_matchers("- {where: res, path: $.x, rule: ignore}", "a.match.yaml").matchers
    sides = Comparator(ignored).compared(
        "res", None, {"body": {"x": one, "y": one}}, {"body": {"x": other, "y": other}}
    )
    assert all(path[:2] != (".body", ".x") for path, _, _ in differing(*sides))
    assert first_difference(*Comparator().compared("res", None, {"y": one}, {"y": other})) is None or any(
        differing(*sides)
    )


WITH_WORDS: ComparedMembers = {"text": "it is lab-W1-wrong-xx, and lab-W1-wrong-xx again", "more": ["lab-W2-wrong-xx"]}


@each_row(
    ("got", "differs"),
    [
        ({"text": "it is SesameOpen, and SesameOpen again", "more": ["other-word"]}, ""),
        ({"text": "it is SesameOpen, and lab-W1-wrong-xx again", "more": ["other-word"]}, ""),
        ({"text": "it is SesameOpen, and SesameShut again", "more": ["other-word"]}, "text"),
        ({"text": "it is SesameOpen, and SesameOpen again", "more": ["SesameOpen"]}, "more"),
        ({"text": "it was SesameOpen, and SesameOpen again", "more": ["other-word"]}, "text"),
    ],
)
def test_of_a_word_that_became_a_secret_later_the_same_stands_everywhere(got: ComparedMembers, differs: str) -> None:
    comparator = ReplayComparator((), INSTANT_EPOCH)
    sides = comparator.compared("res", None, {"body": WITH_WORDS}, {"body": got})
    assert (first_difference(*sides) or "").partition(" expected")[0] == (
        {"": "", "text": "body differs: text", "more": "body differs: more[0]"}[differs]
    )


BELLS = "…07" + r"\u0007" * 3
"""As many of ten as stand before what differs."""


@each_row(
    ("one", "other", "says"),
    [
        (1, True, "expected x 1, got true"),
        (0, False, "expected x 0, got false"),
        (1.0, 1, None),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, "x differs: a[1].b expected 2, got 3"),
        ([1], [1, 2], "x differs: [1] expected nothing, got 2"),
        ({"a": None}, {}, "x differs: a expected null, got nothing"),
        ({"a": 1}, None, 'x differs: expected {"a":1}, got null'),
        ("a" * 80, "b", f"expected x {'a' * 59}…, got b"),
        ("a" * 80 + "b", "a" * 80 + "c", f"expected x …{'a' * 20}b, got …{'a' * 20}c"),
        ("a" * 80, "a" * 80 + "b" * 80, f"expected x …{'a' * 20}, got …{'a' * 20}{'b' * 38}…"),
        ("\a" * 10 + "1", "\a" * 10 + "2", rf"expected x {BELLS}1, got {BELLS}2"),
        ({"a": ["5"]}, {"a": [5]}, 'x differs: a[0] expected "5", got 5'),
    ],
)
def test_the_first_place_that_differs_is_told_with_both_values(one: Json, other: Json, says: str | None) -> None:
    assert first_difference(*Comparator().compared("fact", None, {"x": one}, {"x": other})) == says


@each_row(
    ("one", "other", "says"),
    [
        ({"held": 999}, {"held": 171}, "expected held 999 ms, got 171 ms"),
        ({"held": 999}, {"held": None}, "expected held 999 ms, got null"),
        ({"times": [1, 20]}, {"times": [1, 30]}, "times differs: [1] expected 20 ms, got 30 ms"),
        ({"otherwise": {"at": 1}}, {"otherwise": {"at": 2}}, "otherwise differs: at expected 1 ms, got 2 ms"),
        ({"body": {"held": 1}}, {"body": {"held": 2}}, "body differs: held expected 1, got 2"),
    ],
)
def test_times_are_told_with_their_unit(one: ComparedMembers, other: ComparedMembers, says: str) -> None:
    assert first_difference(one, other) == says


@each_row(("cut", "passes"), [("it is lab-T1-tok", True), ("it is a lab-T1-tok", False), ("it is", False)])
def test_a_text_that_was_cut_in_a_secret_is_compared_as_far_as_both_go(cut: str, passes: bool) -> None:
    """What a secret stands for has another length now, so another sign is the last."""
    whole: ComparedMembers = {"status": 200, "cut": "truncated", "times": [], "body": "it is lab-T1-token, a"}
    assert _cut_alike({**whole, "body": f"{cut}en"}, whole) is passes
    assert not _cut_alike({**whole, "body": f"{cut}en", "status": 500}, whole)


def test_what_the_lab_gives_is_held_to_the_letter() -> None:
    comparator = ReplayComparator((), INSTANT_EPOCH)
    assert first_difference(*comparator.compared("res", None, {"body": "lab-T1-token"}, {"body": "another-token"}))


RECORDED: ComparedMembers = {"jobId": "job-number-1", "startDate": 1_767_225_600_000, "output": "Paid.", "n": 1.0}


@each_row(
    ("got", "differs"),
    [
        ({**RECORDED, "jobId": "job-number-7", "n": 1, "new": "x"}, ""),
        ({**RECORDED, "startDate": 1_867_225_600_000}, ""),
        ({**RECORDED, "startDate": "soon"}, "body differs: startDate"),
        ({**RECORDED, "output": "Else."}, "body differs: output"),
        ({**RECORDED, "output": 5}, "body differs: output"),
        ({name: part for name, part in RECORDED.items() if name != "n"}, "body differs: n"),
    ],
)
def test_another_server_has_other_ids_instants_and_more_members(got: ComparedMembers, differs: str) -> None:
    bound = Bindings()
    answers = Response(200, (), dumps(RECORDED).encode()), Response(200, (), dumps(got).encode())
    sides = AnswerComparator(bound, None).answers("status", *answers, generated=False)
    assert (first_difference(*sides) or "").partition(" expected")[0] == differs
    generated = AnswerComparator(bound, None).answers("status", *answers, generated=True)
    assert (first_difference(*generated) is None) is (not differs or got["output"] == "Else.")


def test_an_id_stands_for_one_alone_inside_texts_too() -> None:
    bound = Bindings()
    compare = AnswerComparator(bound, None)

    def differ(recorded: ComparedMembers, got: ComparedMembers) -> str | None:
        answers = Response(200, (), dumps(recorded).encode()), Response(200, (), dumps(got).encode())
        return first_difference(*compare.answers("status", *answers, generated=False))

    first: ComparedMembers = {"jobId": "recorded-1", "says": "of recorded-1"}
    before: ComparedMembers = {"says": "of recorded-0", "jobId": "recorded-0"}
    assert differ(before, {"says": "of this-one-0", "jobId": "this-one-0"}) is None
    assert differ(first, {"jobId": "this-one-1", "says": "of this-one-1"}) is None
    assert differ(first, {"jobId": "this-one-2", "says": "of this-one-1"})
    assert differ(first, {"jobId": "this-one-1", "says": "of this-one-2"})
    assert differ({"jobId": "recorded-2"}, {"jobId": "this-one-1"})


def test_instants_are_counted_from_the_first_of_their_job_and_may_differ_so_far() -> None:
    compare = AnswerComparator(Bindings(), 500)
    for start, end, equal in ((5_000, 7_400, True), (5_000, 7_600, False)):
        recorded = Response(200, (), dumps({"startDate": 1_000, "endTime": 3_000}).encode())
        got = Response(200, (), dumps({"startDate": start, "endTime": end}).encode())
        assert (first_difference(*compare.answers("status", recorded, got, generated=False)) is None) is equal
