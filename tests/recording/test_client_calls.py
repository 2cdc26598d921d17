"""The exchanges of a recording, as rules look at them."""

from lab.recording.exchange import CallKind, exchanges_of
from lab.recording.format.lines import Recording
from lab.recording.format.reader import read
from tests.bench.replaying import long_recording
from tests.conftest import each_row
from tests.recording.dialect_sessions import SESSIONS, recorded


def test_polls_that_are_alike_are_kept_once() -> None:
    recording, _ = long_recording(300)
    calls = exchanges_of(recording)[-300:]
    assert [call.at for call in calls] == list(range(0, 30_000, 100))
    assert all(call.whole and call.seen is not None for call in calls)
    assert len({id(call.request) for call in calls}) == 1
    assert len({id(call.response) for call in calls}) == len({id(call.answer) for call in calls}) < 10


@each_row(
    ("name", "wanted"),
    [
        ("invokeStream", {(CallKind.INVOKE, "stream", True), (CallKind.DECIDE, "stream", True)}),
        ("invokeAsync", {(CallKind.INVOKE, "invoke", False), (CallKind.DECIDE, "invoke", False)}),
    ],
)
def test_a_call_is_known_to_be_answered_with_events_by_what_it_asks(name: str, wanted: set[object]) -> None:
    assert calls_that_begin_or_decide(read(recorded(SESSIONS[name])[0], name)) == wanted


def calls_that_begin_or_decide(recording: Recording) -> set[object]:
    """Of each such call its kind, its route, and whether it is answered with events."""
    kinds = (CallKind.INVOKE, CallKind.DECIDE)
    return {(call.kind, call.route, call.follows) for call in exchanges_of(recording) if call.kind in kinds}
