"""The exchanges of a recording, as rules look at them."""

from lab.recording.client_calls import calls_of
from tests.bench.replaying import long_recording


def test_polls_that_are_alike_are_kept_once() -> None:
    recording, _ = long_recording(300)
    calls = calls_of(recording)[-300:]
    assert [call.at for call in calls] == list(range(0, 30_000, 100))
    assert all(call.whole and call.seen is not None for call in calls)
    assert len({id(call.request) for call in calls}) == 1
    assert len({id(call.response) for call in calls}) == len({id(call.answer) for call in calls}) < 10
