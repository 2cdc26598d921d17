"""What other systems lack: where a client could not be ended, none is started."""

import os
import sys

import pytest

from lab.core.errors import HostError
from lab.plugins.rehearsal.runs.child import Child


async def test_no_client_is_started_where_nothing_could_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "killpg")
    with pytest.raises(HostError, match="starts no client on this system") as refused:
        await Child.start([sys.executable, "-c", ""], {"MARK": "1"}, "MARK")
    assert "lab report URL" in refused.value.hint
