"""What a recording needs of its scenarios, and what an edit of theirs tells though the recording has what was drawn."""

import json
from hashlib import sha256

import pytest
from msgspec.structs import replace

from lab.core.clock import INSTANT_EPOCH
from lab.core.errors import UsageError
from lab.jobs.program import Program, program_of
from lab.language.parse import parse_scenario
from lab.mock.config import Config
from lab.program.switches import Layers, Switches
from lab.recording.format.lines import Recording
from lab.recording.format.reader import read
from lab.recording.format.snapshot import snapshot
from lab.recording.replay.replay import Comparing, ReplayResult, replay
from tests.conftest import each_row
from tests.recording.joined import Joined

DRAWN = """
lab: 1
name: drawn
title: Drawn
agent: {code: DRAWN}
ask: Go
token: {lifetime: 30m}
data:
  firm: {fake: company, locale: fr_FR}
  cities: {list: {fake: city, locale: fr_FR}, count: 3}
  price: {between: [10, 90], decimals: 2}
  word: said
steps:
  - work: read
    takes: {between: [4s, 6s]}
  - complete: paid
    output: "{{ data.firm }} {{ data.cities | length }} {{ data.price }} {{ data.word }}"
"""


def program(text: str, name: str = "drawn") -> Program:
    return program_of(parse_scenario(text, f"{name}.yaml"), sha256(text.encode()).hexdigest())


def recorded(*scenarios: Program, **how: object) -> Recording:
    setup = Config(scenarios or (program(DRAWN),), Switches(), 42, INSTANT_EPOCH)
    joined = Joined(replace(setup, **how).settled(Layers()))
    joined.play()
    joined.tape.close(joined.now)
    return read(joined.data)


def edited(old: str, new: str, **how: object) -> ReplayResult:
    assert old in DRAWN
    made_by = Comparing(**how)  # type: ignore[arg-type]
    return replay(recorded(), [program(DRAWN.replace(old, new))], comparing=made_by)


@each_row(
    ("old", "new", "name"),
    [
        ("company, locale: fr_FR", "company, locale: de_DE", "data/firm"),
        ("count: 3", "count: 4", "data/cities"),
        ("city, locale: fr_FR", "city", "data/cities"),
        ("[10, 90]", "[10, 91]", "data/price"),
        ("{between: [10, 90], decimals: 2}", "{fake: name}", "data/price"),
        ("{fake: company, locale: fr_FR}", "{between: [1, 9], decimals: 1}", "data/firm"),
        ("word: said", "word: {fake: word}", "data/word"),
        ("[4s, 6s]", "[4s, 7s]", "read/takes"),
        ("{between: [4s, 6s]}", "7s", "read/takes"),
    ],
)
def test_an_edit_of_what_is_drawn_is_told_shown_by_regenerate_and_accepted(old: str, new: str, name: str) -> None:
    found = edited(old, new)
    assert not found.passed and f"{name} is drawn otherwise now" in found.differences[0].what, found.text()
    assert [found.differences[0].line] == [line.n + 1 for line in recorded().facts("job.accepted")]
    anew = edited(old, new, anew=True)
    assert not anew.passed and "--regenerate" not in anew.text()
    accepted = read(found.again())
    assert replay(accepted, [program(DRAWN.replace(old, new))]).passed


@each_row(
    ("old", "new"),
    [
        ("title: Drawn", "title: Otherwise"),
        ("  - complete: paid", "  - complete: never\n    output: x\n  - complete: paid"),
        ("steps:", "steps:\n  - {work: before, takes: 0s, next: read}"),
    ],
)
def test_an_edit_of_anything_else_is_no_difference_in_what_is_drawn(old: str, new: str) -> None:
    assert "drawn otherwise" not in edited(old, new).text()


def test_what_only_another_generator_makes_otherwise_is_no_difference() -> None:
    before = recorded()
    old = replace(before, header=replace(before.header, generators={"faker": "0.1"}))
    now, here = program(DRAWN.replace("fr_FR", "de_DE")), Comparing(versions={"faker": "9.9"})
    assert replay(old, [program(DRAWN)], comparing=here).text() == ""
    text_alone = replay(old, [now], comparing=here)
    assert text_alone.passed and "another version of Faker" in text_alone.text()
    assert not replay(old, [program(DRAWN.replace("count: 3", "count: 4"))], comparing=here).passed
    again = read(replay(old, [now], comparing=Comparing(versions={"faker": "9.9"}, anew=True)).again())
    assert again.header.generators == {"faker": "9.9"}


def test_a_job_told_again_by_a_tape_that_begins_late_is_drawn_anew_too() -> None:
    setup = Config((program(DRAWN),), Switches(), 42, INSTANT_EPOCH)
    first = Joined(setup)
    first.play_until_accepted()
    late = Joined(setup)
    for fact in snapshot(first.service, first.now):
        late.service.note(fact)
    late.tape.close(first.now)
    edit = program(DRAWN.replace("count: 3", "count: 4"))
    found = replay(read(late.data), [edit])
    kept = next(read(found.again()).facts("job.accepted")).get("drawn")
    assert not found.passed and isinstance(kept, dict) and len(kept["data/cities"]) == 4  # type: ignore[arg-type]


@each_row(
    ("old", "new"),
    [
        ("  word: said", "  word: said\n  more: {list: {between: [1, 2]}, count: 2}"),
        ("word: said", "word: {list: {between: [1, 2]}, count: 2}"),
    ],
)
def test_what_an_entry_is_made_by_is_never_shown(old: str, new: str) -> None:
    """One that is new since, and one that was a constant, have no recorded value."""
    whole = "{{ data.firm }} {{ data.cities | length }} {{ data.price }} {{ data.word }}"
    edit = DRAWN.replace(old, new).replace(whole, "{{ data }}")
    differing = replay(recorded(), [program(edit)]).differences[-1].diff
    output = next(line for line in differing if line.startswith("+") and '"output": ' in line)
    shown = json.loads(json.loads("{" + output[1:].rstrip(",") + "}")["output"])
    assert all(number in (1, 2) for number in shown.get("more") or shown["word"]), shown


# Scenarios that were served too

OTHER = DRAWN.replace("name: drawn", "name: another").replace("lifetime: 30m", "lifetime: 5m")
UNUSED = program(OTHER.replace("code: DRAWN", "code: OTHER"), "another")
CHANGED = program(OTHER.replace("code: DRAWN", "code: OTHER").replace("[4s, 6s]", "[40s, 60s]"), "another")


@each_row("there", [(), (UNUSED,), (CHANGED,)])
def test_a_scenario_that_no_job_used_may_change_or_be_gone(there: tuple[Program, ...]) -> None:
    """Tokens follow neither of the two, though only one is left: its lifetime isn't theirs."""
    found = replay(recorded(program(DRAWN), UNUSED), [program(DRAWN), *there])
    assert found.text() == ""


def test_one_whose_tokens_or_jobs_it_has_is_needed() -> None:
    used, both = program(DRAWN), (program(DRAWN), UNUSED)
    with pytest.raises(UsageError, match="needs the scenario drawn"):
        replay(recorded(*both), [UNUSED])
    with pytest.raises(UsageError, match="needs the scenario another"):
        replay(recorded(*both, token_scenario="another"), [used])
    assert "another has changed" in replay(recorded(*both, token_scenario="another"), [used, CHANGED]).text()


def test_where_something_differs_all_that_was_served_otherwise_is_told() -> None:
    edit = program(DRAWN.replace("{{ data.word }}", "edited"))
    before = recorded(program(DRAWN), UNUSED)
    assert "no job used it, and missing now: another" in replay(before, [edit]).text()
    assert "no job used it, and changed now: another" in replay(before, [edit, CHANGED]).text()


def test_what_takes_its_place_names_what_was_served() -> None:
    edit = program(DRAWN.replace("{{ data.word }}", "edited"))
    before = recorded(program(DRAWN), UNUSED)
    again = read(replay(before, [edit]).again())
    assert [(one.name, one.sha256) for one in again.header.scenarios or ()] == [
        ("drawn", edit.digest),
        ("another", UNUSED.digest),
    ]
    assert replay(again, [edit]).text() == ""
