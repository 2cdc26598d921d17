"""What the control plane tells of what was so far: its journal's beginning, and what a client may send."""

from lab.clocks import ManualClock, SystemClock
from lab.core.observe import Replied
from lab.identity.client import token_request
from lab.identity.clients import DEMO
from lab.recording.format.lines import Req
from lab.recording.format.reader import read
from lab.server.control.plane import ControlPlane
from lab.server.limits import ServerLimits
from lab.server.mock_server import MockServer
from tests.conftest import each_row
from tests.server.conftest import SCOPE, make_service
from tests.server.test_control import Plane, plane

__all__ = ["plane"]


@each_row(("clock", "real"), [(ManualClock(), True), (SystemClock(), False)])
async def test_real_time_is_told_where_the_clock_is_another(clock: ManualClock | SystemClock, real: bool) -> None:
    service = make_service()
    control = ControlPlane(MockServer(service, clock), "t")
    service.serve(token_request(DEMO.id, DEMO.secret, SCOPE), 0)
    lines = [line async for lines in control.usual.subscriber().so_far() for line in lines]
    assert [b'"w":' in line for line in lines if b'"k":"req"' in line] == [real]


async def test_a_journal_whose_beginning_has_left_can_still_be_judged() -> None:
    service = make_service()
    control = ControlPlane(MockServer(service, ManualClock(), ServerLimits(exchanges=2)), "t")
    replies = [service.serve(token_request(DEMO.id, DEMO.secret, SCOPE), 0) for _ in range(3)]
    for reply in replies:
        service.tell(Replied(0, reply.x, reply.response))
    lines = [line async for lines in control.usual.subscriber().so_far() for line in lines]
    assert [each.x for each in read(b"".join(lines)).lines if isinstance(each, Req)] == [2, 3]


async def test_what_a_client_sends_is_told_of_each_scenario(plane: Plane) -> None:
    assert (await plane.ask("GET", "scenarios")).json == {
        "scenarios": [
            {"name": "consent", "agent_code": "DOCUMENT_TEAM", "asks": [{"message": "Share it", "parameters": {}}]}
        ]
    }
