"""What texts see is found when it is first looked at, and once: a first look at a job pays for nothing else."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from lab.jobs.gates import Decision
from lab.jobs.names import job_names, writer_of
from lab.jobs.plan import Plan
from lab.language.templates import TEMPLATE_NAMES, TIMELESS_NAMES, RenderFailure
from lab.language.values import Lazy
from lab.program.words import Verdict
from tests.conftest import each_row
from tests.jobs.test_delegates import DONE, DRAFT, example


def counted(calls: list[str], name: str, value: object) -> Callable[[], list[object]]:
    def found() -> list[object]:
        calls.append(name)
        return [value]

    return found


def looked_at(text: str) -> tuple[str, list[str]]:
    """What a text gives, written twice of the same names, and what was found for it that costs something."""
    calls: list[str] = []
    plan: Plan = replace(example(DRAFT, DONE), earlier=counted(calls, "turns", "before"))
    write = writer_of(job_names(plan, now=lambda: str(counted(calls, "now", 7)()[0])))
    assert write(text) == write(text)
    return write(text), calls


@each_row(
    ("text", "written", "found"),
    [
        ("plain", "plain", []),
        ("{{ message }}, {{ turn }}, {{ user }}, {{ delegates.draft.output }}", "go, 1, None, ", []),
        ("{{ conversation.id }}", "None", []),
        ("{{ conversation.turns }}, {{ conversation.turns[0] }}", '["before"], before', ["turns"]),
        ("{{ conversation }}", '{"id": null, "turns": ["before"]}', ["turns"]),
        ("{{ now }}{{ now }}", "77", ["now"]),
    ],
)
def test_a_name_is_found_once_if_a_text_looks_at_it_and_never_if_none_does(
    text: str, written: str, found: list[str]
) -> None:
    assert looked_at(text) == (written, found)


@pytest.mark.parametrize(
    "text", ["{{ conversation.topic }}", "{{ delegates.nobody.output }}", "{{ decisions.nobody }}"]
)
def test_what_is_not_there_is_told(text: str) -> None:
    with pytest.raises(RenderFailure, match=r"there is no (topic|nobody) here"):
        looked_at(text)


def test_all_that_a_template_may_use_can_be_found() -> None:
    plan = example(DRAFT, DONE)
    assert dict(job_names(plan)).keys() == TIMELESS_NAMES
    assert dict(job_names(plan, now=lambda: "7")).keys() == TEMPLATE_NAMES


def test_members_are_known_before_they_are_found() -> None:
    lazy = Lazy(("a", "b"), {"a": 1, "b": 2}.__getitem__)
    assert (list(lazy), len(lazy), dict(lazy)) == (["a", "b"], 2, {"a": 1, "b": 2})
    with pytest.raises(KeyError):
        lazy["c"]


def test_a_gate_is_told_of_by_its_openings_and_a_wait_that_was_cut_short_by_none() -> None:
    gate = {"gate": "boss", "asks": "?", "patience": "9s", "verdicts": {"changes-requested": "draft"}}
    plan = example(DRAFT, gate, DONE)
    settled = (
        Decision(1, "boss", 0, Verdict.CHANGES, name="Ann", comment="so"),
        Decision(2, "pause", 0, None),
        Decision(3, "boss", 1, Verdict.APPROVED, name="Bob"),
        Decision(9, "boss", 1, Verdict.TIMED_OUT),
    )
    boss = dict(job_names(plan, settled))["decisions"]["boss"]  # type: ignore[index]
    ann = {"verdict": "changes-requested", "by": "Ann", "comment": "so"}
    bob, late = (
        {"verdict": verdict, "by": by, "comment": ""} for verdict, by in (("approved", "Bob"), ("timed-out", ""))
    )
    rounds = [{**ann, "votes": [ann]}, {**late, "votes": [bob]}]
    assert boss == {**rounds[-1], "rounds": rounds}
