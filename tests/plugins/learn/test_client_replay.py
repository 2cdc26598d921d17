"""Captured, learned, served, and the same calls again: a client replay finds what was learned equal (recordings.md §17)."""

import pytest
from msgspec.structs import replace

from lab.app.effects import App, Backoff
from lab.core.clock import INSTANT_EPOCH
from lab.files.recordings import open_recording
from lab.jobs.program import program_of
from lab.language.parse import parse_scenario
from lab.mock.config import Config
from lab.plugins.learn.command import learn
from lab.plugins.learn.foreign import Terms
from lab.plugins.learn.reading import ObservedCalls
from lab.program.switches import Layers, Switches
from lab.recording.client_replay.polls import ClientTerms
from lab.recording.divergences import Divergences
from lab.recording.exchange import answered_calls, exchanges_of
from lab.recording.format.lines import Recording, Req
from lab.recording.format.reader import read
from lab.recording.tape.header import epoch_in
from tests.conftest import ROOT, UNLIKE_SHORT, few_of
from tests.plugins.learn.test_recordings import SHIPPED, WITHOUT_POLLS
from tests.recording.another_server import AnotherServer, as_capture
from tests.recording.joined import Joined, config

OTHERWISE = {
    "contract-redraft": '"code": "LEGAL_REVIEW_2"',  # a second round is learned as a second gate
}


def captured(name: str) -> Recording:
    """One session's calls as a proxy saw them."""
    path = ROOT / "recordings" / f"{name}.rec.jsonl"
    return as_capture(read(open_recording(path), path.name))


def learned(name: str, recording: Recording) -> str:
    """What is learned of these calls alone."""
    observed = ObservedCalls(list(answered_calls(exchanges_of(recording))), epoch_in(recording))
    return learn(observed, name, recording.name, Terms())


def again(name: str) -> Divergences:
    """The same calls, to a mock of what was learned of them."""
    recording = captured(name)
    own = program_of(parse_scenario(learned(name, recording), f"{name}.yaml"))
    there = AnotherServer(Config((own,), Switches(), 7, INSTANT_EPOCH, token_scenario=own.name).settled(Layers()))
    return there.replay(recording, ClientTerms())


@pytest.mark.parametrize(
    "name",
    few_of((each for each in SHIPPED if each not in (*WITHOUT_POLLS, *OTHERWISE)), UNLIKE_SHORT),
)
def test_what_was_learned_gives_the_same_calls_equal_answers(name: str) -> None:
    found = again(name)
    assert found.passed, found.text()


@pytest.mark.parametrize("name", OTHERWISE)
def test_where_it_does_not_the_difference_is_this_one(name: str) -> None:
    found = again(name)
    assert not found.passed
    assert OTHERWISE[name] in found.text()
    assert len(found.differences) == 1


def test_a_version_is_learned_unless_the_client_named_it() -> None:
    recording = captured("invoice-analysis")
    assert "version: 7}" in learned("a", recording)
    named = [
        replace(line, value={**line.value, "version": 7})
        if isinstance(line, Req) and isinstance(line.value, dict) and "message" in line.value
        else line
        for line in recording.lines
    ]
    assert "version:" not in learned("a", replace(recording, lines=named))


BRIEF = """
lab: 1
name: brief
title: A gate of a second and a half
agent: {code: B_TEAM}
ask: hello
latency: {token: 50ms, invoke: 80ms, status: {between: [20ms, 60ms]}}
steps:
  - {work: a, takes: 4s, says: A}
  - {gate: g, asks: May it?, patience: 15m, reviewer: {after: 1500ms, verdict: approved}}
  - {work: b, takes: 3s, says: B}
  - {complete: done, output: x}
faults:
"""


class _Hurried(Joined):
    """Its app polls each 0.7 s."""

    def app(self) -> App:
        return replace(super().app(), backoff=Backoff(first=700, percent=100, longest=700, rarest=700))


@pytest.mark.parametrize("call", [5, 6, 7])
def test_a_poll_that_fails_hides_no_short_gate(call: int) -> None:
    text = f"{BRIEF}  - {{route: status, calls: {call}, answer: 503}}\n"
    peer = _Hurried(config(program=program_of(parse_scenario(text, "brief.yaml"))))
    peer.play()
    peer.tape.close(peer.now)
    recording = as_capture(read(peer.data, "brief"))
    own = program_of(parse_scenario(learned("brief", recording), "brief.yaml"))
    for seed in range(3):
        setup = Config((own,), Switches(), seed, INSTANT_EPOCH, token_scenario=own.name)
        found = AnotherServer(setup.settled(Layers())).replay(recording, ClientTerms())
        assert found.passed, found.text()
