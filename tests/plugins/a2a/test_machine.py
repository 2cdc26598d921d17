"""Random days of a mock whose clients speak A2A too: each replays byte for byte."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from msgspec.structs import replace

from lab.core.exchange import Json
from lab.dialects.router import ROUTER
from tests.conftest import examples
from tests.recording.test_machine import OtherIds
from tests.wire_peer import invoke


class BothWires(OtherIds):
    """A day with ids of either wire."""

    @precondition(lambda self: self.bearers)
    @rule(
        data=st.data(), text=st.sampled_from(["Taxi 5", "yes", ""]),
        method=st.sampled_from(["message/send", "message/stream", "tasks/send", "tasks/get", "tasks/cancel"]),
        route=st.sampled_from(["a2a", "a2a-stream"]),
    )  # fmt: skip
    def speak_a2a(self, data, text, method, route):
        client = data.draw(st.sampled_from(sorted(self.bearers)))
        named = data.draw(st.sampled_from(["t-1", "t-2", *sorted(self.jobs), *sorted(self.aliases)]))
        message: dict[str, Json] = {"role": "user", "parts": [{"kind": "text", "text": text}]}
        if method.startswith("message") and data.draw(st.booleans()):
            message["taskId"] = named
        params = {"id": named, "message": message}
        request = invoke(self.bearers[client], {"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        assert self._send(replace(request, path=ROUTER.path(route, code="EXPENSES"))).status in (0, 200, 401)


TestBothWires = BothWires.TestCase
TestBothWires.settings = settings(examples(6, thorough=200), stateful_step_count=40)
