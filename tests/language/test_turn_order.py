"""Messages of one conversation in any order: the first unused entry of `turns` that fits (scenarios.md §9)."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.core.errors import ScenarioError
from lab.jobs.facts import JobAccepted
from lab.jobs.lint import lint
from lab.jobs.program import Program, parts_for, program_of
from lab.language.parse import parse_scenario, parse_with_locations
from lab.language.shape import parsed
from lab.mock.service import Service
from lab.program.scenario import Scenario
from tests.conftest import each_row
from tests.wire_peer import invoke, read, service, token


def entry(match: str, **more: object) -> dict[str, object]:
    steps = [{"complete": match, "output": f"{match}{{{{ data.n }}}}"}]
    return {"ask": f"{match}?", "match": match, "data": {"n": {"between": [1, 999]}}, "steps": steps, **more}


DOCUMENT: dict[str, object] = {
    "lab": 1, "name": "a", "title": "A", "agent": {"code": "A"}, "ask": "go", "match": "go", "turn_order": "any",
    "steps": [{"complete": "top", "output": "top"}],
    "turns": [entry("price", optional=True), entry("stock"), entry("more"), entry("mo")],
}  # fmt: skip


def talk(mock: Service, *messages: str) -> list[str]:
    """The outputs, or the errors, of the messages of one conversation."""
    bearer, answers, sent = token(mock), list[str](), dict[str, object]()
    for message in messages:
        body = {"message": message, "conversational": True, "conversationId": sent.get("conversationId")}
        sent = read(mock.serve(invoke(bearer, body, "A"), 0).response)
        answers.append(str(sent["output"] or sent["error"]).rstrip("0123456789"))
    return answers


def program(**more: object) -> Program:
    return program_of(parsed(Scenario, {**DOCUMENT, **more}))


def test_later_messages_are_answered_in_whichever_order_they_come() -> None:
    for order in permutations(("price?", "stock?", "more?")):
        assert talk(service(DOCUMENT), "go", *order) == ["top", *(each[:-1] for each in order)]


@pytest.mark.parametrize(
    ("messages", "answers"),
    [
        (("more", "more"), ["more", "mo"]),  # an entry answers once, then the next that fits
        (("go", "go"), ["top", "top"]),  # what fits no entry starts at the top, if it fits there
        (("mo", "more"), ["mo", "more"]),
    ],
)
def test_an_entry_answers_once(messages: tuple[str, ...], answers: list[str]) -> None:
    assert talk(service(DOCUMENT), "go", *messages) == ["top", *answers]


def test_what_neither_an_unused_entry_nor_the_top_fits_ends_in_an_error() -> None:
    first, again, unknown = talk(service(DOCUMENT), "go", "price", "price")[1:], "price", "weather"
    assert first[0] == again and first[1] not in ("price", "top")
    assert talk(service(DOCUMENT), "go", unknown)[1] == first[1]


def fallback(**more: object) -> dict[str, object]:
    """A conversation whose turns come in any order, with a turn for whatever fits none of them."""
    unclear = {"ask": "Pardon?", "optional": True, "steps": [{"complete": "unclear", "output": "unclear"}]}
    return {**DOCUMENT, "turns": [unclear, entry("price"), entry("stock"), entry("more"), entry("mo")], **more}


@each_row(
    ("messages", "answers"),
    [
        ("weather", "unclear"),
        ("weather weather price", "unclear unclear price"),  # as often as need be, and nothing is used up
        ("price weather stock price more", "price unclear stock unclear more"),
        ("price go stock", "price top stock"),  # what begins the conversation goes before it
        ("pardon?", "unclear"),
    ],
)
def test_a_turn_without_match_answers_what_nothing_else_does(messages: str, answers: str) -> None:
    assert talk(service(fallback()), "go", *messages.split()) == ["top", *answers.split()]


def test_a_scenario_without_match_does_not_start_again_where_there_is_a_fallback() -> None:
    open_to_all = fallback()
    del open_to_all["match"]
    assert talk(service(open_to_all), "go", "go", "stock", "else") == ["top", "unclear", "stock", "unclear"]


def test_a_message_that_nothing_answers_uses_up_no_turn() -> None:
    # it would be turn 2, and the entry of that number is the first
    refused, answered = talk(service(DOCUMENT), "go", "weather", "price")[1:]
    assert refused != "top" and answered == "price"


MESSAGES = st.lists(st.sampled_from(["price", "stock", "more", "mo", "go", "else"]), max_size=6)


@given(MESSAGES, MESSAGES)
def test_what_goes_to_the_fallback_changes_no_other_answer(before: list[str], after: list[str]) -> None:
    known = program(**fallback())
    plain = parts_for(known.scenario, ["go", *before, *after])
    between = parts_for(known.scenario, ["go", *before, "weather", *after])
    assert between[1 + len(before)] == 2
    assert between[: 1 + len(before)] + between[2 + len(before) :] == plain
    once = [part for part in plain if part is not None and part > 2]
    assert len(once) == len(set(once))


def test_a_second_fallback_brings_a_warning() -> None:
    text = (
        "lab: 1\nname: a\ntitle: A\nagent: {code: A}\nask: go\nmatch: go\nsteps:\n  - {complete: end, output: x}\n"
        "turns:\n  - {ask: more, steps: [{complete: end, output: y}]}\n"
        "  - {ask: less, steps: [{complete: end, output: z}]}\n"
    )
    scenario, locations = parse_with_locations(text + "turn_order: any\n", "a.yaml")
    (warning,) = lint(scenario, "a.yaml", locations)
    assert str(warning) == (
        "a.yaml:11:5: this turn is never taken: turns[0] has no match either, and answers first; "
        "give all but one of them a match"
    )
    scenario, locations = parse_with_locations(text, "a.yaml")
    assert not lint(scenario, "a.yaml", locations)


def test_as_they_are_written_is_the_default() -> None:
    written = {**DOCUMENT, "turns": [entry("price"), entry("stock")]}
    del written["turn_order"]
    refused = talk(service(written), "go", "stock")[1]
    assert refused not in ("stock", "top")
    assert talk(service(written), "go", "price", "stock") == ["top", "price", "stock"]


def test_the_journal_says_which_entry_answers_and_another_lab_that_folds_it_answers_the_same() -> None:
    mock, facts = service(DOCUMENT), []
    mock.journals.append(facts.extend)
    talk(mock, "go", "stock", "price", "go")
    accepted = [each for each in facts if isinstance(each, JobAccepted)]
    assert [each.entry for each in accepted] == [None, 2, 1, 0]
    again = service(DOCUMENT)
    for fact in facts:
        again.note(fact)
    assert [again.status_of(each.job, 0) for each in accepted] == [mock.status_of(each.job, 0) for each in accepted]


def test_the_app_sends_all_but_what_is_optional() -> None:
    known = program()
    assert [each.message for each in known.scenario.user_messages] == ["go", "stock?", "more?", "mo?"]
    assert [each.scenario.message for each in known.sent] == ["go", "stock?", "more?", "mo?"]


@given(st.lists(st.sampled_from(["price", "stock", "more", "mo", "go", "else"]), max_size=8))
def test_no_entry_answers_twice_and_each_answer_fits(messages: list[str]) -> None:
    known = program()
    parts = parts_for(known.scenario, ["go", *messages])
    entries = [part for part in parts[1:] if part not in (None, 1)]
    assert len(entries) == len(set(entries))
    for message, part in zip(["go", *messages], parts, strict=True):
        answering = known.of_turn(part) if part is not None else None
        assert (message == "else") if part is None and message in ("go", "else") else True
        assert answering is None or answering.fits(message)


def test_an_optional_turn_in_the_written_order_is_a_complaint() -> None:
    text = (
        "lab: 1\nname: a\ntitle: A\nagent: {code: A}\nask: go\nsteps:\n  - {complete: end, output: x}\n"
        "turns:\n  - {ask: more, optional: true, steps: [{complete: end, output: y}]}\n"
    )
    with pytest.raises(ScenarioError) as raised:
        parse_scenario(text, "a.yaml")
    assert "write turn_order: any" in str(raised.value)
    assert parse_scenario(text + "turn_order: any\n", "a.yaml").turns[0].optional
