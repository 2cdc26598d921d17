"""The mock that outside judges are set on: both profiles, a secret that holds `:`, `/`, `+` and `%`."""

from collections.abc import Iterator

import pytest

from lab.identity.clients import DEMO, Client
from tests.server.served import Served, serving

QUICK = {
    "lab": 1, "name": "quick", "title": "Quick", "agent": {"code": "QUICK_TEAM", "version": 3}, "ask": "x",
    "steps": [
        {"work": "think", "takes": "2s", "says": "Thinking"},
        {"gate": "consent", "asks": "May I?", "patience": "1h", "verdicts": {"changes-requested": "think"}, "rounds": 2},
        {"complete": "done", "output": "Forty-two."},
    ],
}  # fmt: skip
OTHER = Client("other:client/+%", "lab-secret-+ %2B:/", DEMO.redirects)
"""A client whose id can't be told from its secret unless both are form-encoded (RFC 6749 §2.3.1)."""


@pytest.fixture(params=["oci", "rfc"])
def world(request: pytest.FixtureRequest) -> Iterator[Served]:
    """A mock of one profile."""
    with serving(QUICK, clients=(DEMO, OTHER), profile=request.param) as served:
        yield served


@pytest.fixture
def profile(world: Served) -> str:
    """The profile that the mock speaks."""
    return str(world.service.config.switches.profile)
