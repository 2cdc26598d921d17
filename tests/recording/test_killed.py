"""A recording whose lab was killed is repaired, and replays: a sample of what `killed` cuts."""

from pathlib import Path
from random import Random

import pytest

from lab.core.errors import RecordingError
from lab.recording.format.facts import class_of
from lab.recording.format.lines import Entry, Line
from lab.recording.format.reader import read
from lab.recording.format.repair import repair
from lab.recording.replay.replay import replay
from tests.conftest import THOROUGH
from tests.recording.damage import attack
from tests.recording.killed import lengths, together, trouble, whole
from tests.recording.rewritten import rewritten, without
from tests.recording.sigkill import SIZES, kill_once

MANY, FEW = (80, 40) if THOROUGH else (10, 2)


@pytest.mark.long
def test_wherever_a_recording_was_cut_it_replays_once_repaired() -> None:
    for name, data, scenarios in whole():
        chance, ends = Random(name), lengths(data, len(data))
        count = FEW if name.endswith("jsonl") else MANY
        for length in (*chance.sample(ends, min(count, len(ends))), *chance.sample(lengths(data, 1), 1)):
            assert trouble(name, data[:length], scenarios) == "", (name, length)


@pytest.mark.parametrize("clients", [1, 3])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.long
def test_a_lab_that_is_killed_under_load_leaves_all_that_a_client_was_answered(
    tmp_path: Path, runtime: Path, clients: int, size: int
) -> None:
    chance = Random()  # the moment is another each time, as the machine's
    for number in range(5 if THOROUGH else 1):
        (tmp_path / str(number)).mkdir()
        kill_once(tmp_path / str(number), chance, clients, (size,))


def test_a_lab_that_is_killed_under_long_messages_leaves_all_that_a_client_was_answered(
    tmp_path: Path, runtime: Path
) -> None:
    kill_once(tmp_path, Random(), 3, (70_000, 1_000))


def test_a_recording_that_was_cut_short_or_of_which_a_bit_is_another_is_never_taken_for_whole() -> None:
    assert attack(20_000 if THOROUGH else 40, 1) == []


def test_what_the_end_of_a_tape_writes_may_be_missing_after_a_repair_and_nothing_else() -> None:
    joined = together(late=False)
    scenarios = joined.service.config.scenarios
    killed = read(repair(joined.data[: joined.data.rindex(b'{"k":"end"')])[0])
    facts = [line for line in killed.lines if isinstance(line, Entry) and class_of(line) in ("input", "derived")]
    passed = set()
    for fact in facts if THOROUGH else [*facts[::4], *facts[-3:]]:
        if fact.x is None and class_of(fact) == "input":  # what is fed in is asked, and not compared
            continue

        def gone(line: Line, fact: Entry = fact) -> bool:
            return line is fact

        try:
            if replay(read(without(killed, gone, "repaired")), scenarios).passed:
                passed.add((fact.t, fact.type))
        except RecordingError:
            continue
    # by the last request, an invoke, and at the end: nobody could have come to them
    assert {at for at, _ in passed} <= {killed.lines[-1].t, joined.now}
    assert not replay(read(without(read(joined.data), lambda line: line == facts[-1])), scenarios).passed


def test_an_open_recording_closed_as_if_it_had_ended_does_not_replay() -> None:
    joined = together(late=False)
    killed = read(repair(joined.data[: joined.data.index(b'"verdict":"rejected"')])[0])
    assert killed.end is not None
    closed = read(rewritten(killed, reason="sigterm"))
    assert not replay(closed, joined.service.config.scenarios).passed
