"""However a client polls a playback, it sees what was recorded, in order and never early, and nothing goes out."""

import json
import signal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.core.exchange import Request
from lab.core.jsontext import members_of
from lab.identity.client import token_request
from lab.identity.clients import DEMO
from lab.identity.scopes import api_scope
from lab.recording.format.lines import Recording, Req, Res
from tests.conftest import ROOT, THOROUGH
from tests.forked import FORBIDDEN, forked_lab
from tests.recording.sigkill import Caller, listening
from tests.recording.test_playback import playing, recording

NAMES = ("item-comparison", "supplier-onboarding", "bad-line", "broken-tool", "month-end-marathon", "nobody-home")
SOON = 3_000_000
"""Milliseconds for which every token is good."""


class Session:
    """The first job of a recording: how it was begun, and what its polls showed."""

    def __init__(self, name: str) -> None:
        self.recorded: Recording = recording(name)
        accepted = next(self.recorded.facts("job.accepted"))
        requests = {line.x: line for line in self.recorded.of(Req)}
        replies = {line.x: line for line in self.recorded.of(Res)}
        assert accepted.x is not None
        self.invoke = requests[accepted.x]
        polls = [line for line in requests.values() if line.path.endswith(f"/status/{accepted.text('job')}")]
        self.path = polls[0].path
        good = [line for line in polls if replies[line.x].status == 200 and replies[line.x].cut is None]
        self.history = [(line.t - accepted.instant, word(replies[line.x])) for line in good if word(replies[line.x])]
        self.failures = len(polls) - len(self.history)

    def at(self, offset: int) -> str:
        """What had been shown by then."""
        return ["RUNNING", *(word for at, word in self.history if at <= offset)][-1]


def word(reply: Res) -> str:
    """The status in a recorded answer; empty: it shows none."""
    return str(reply.body.value.get("status", "")) if isinstance(reply.body.value, dict) else ""


SESSIONS = {name: Session(name) for name in NAMES}


@pytest.mark.long
@given(
    st.sampled_from(NAMES),
    st.lists(st.one_of(st.integers(0, 500), st.integers(0, 60_000), st.integers(0, 10**8)), max_size=300),
    st.booleans(),
)
@settings(max_examples=1_000 if THOROUGH else 60, deadline=None)
def test_any_schedule_of_polls_sees_the_recorded_history(name: str, pauses: list[int], faults: bool) -> None:
    session, since = SESSIONS[name], 50_000
    service = playing(session.recorded, faults=faults)
    scope = api_scope(service.config.switches.pod)
    now, failures = since, session.failures if faults else 0

    def ask(request: Request) -> tuple[int, dict[str, object]]:
        reply = service.serve(request, now)
        return (reply.response.status, members_of(reply.response.body)) if reply.strike is None else (0, {})

    def log_in() -> str:
        return f"Bearer {ask(token_request(DEMO.id, DEMO.secret, scope))[1].get('access_token')}"

    bearer, granted = log_in(), now
    head = (("authorization", bearer), ("content-type", "application/json"))
    body = json.dumps(session.invoke.body.value).encode()
    status, _ = ask(Request("POST", session.invoke.path, "", head, body))
    assert status in (200, 202)
    previous = -1
    for pause in pauses:
        now += pause
        if now - granted > SOON:
            bearer, granted = log_in(), now
        status, answer = ask(Request("GET", session.path, "", (("authorization", bearer),)))
        if status != 200 or "status" not in answer:
            failures -= 1  # each comes once
            assert failures >= 0
            continue
        assert answer["status"] == session.at(now - since)
        place = len([at for at, _ in session.history if at <= now - since])
        assert place >= previous
        previous = place


@pytest.mark.parametrize("argv", [("serve", "--from", str(ROOT / "recordings" / "item-comparison.rec.jsonl")), ()])
def test_a_playback_calls_nobody(
    tmp_path: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch, argv: tuple[str, ...]
) -> None:
    """No call leaves its process, whatever it is asked; what looks after that sees those of one that does call."""
    monkeypatch.setenv(FORBIDDEN, "1")
    if not argv:
        for name in ("LAB_CLIENT_ID", "LAB_CLIENT_SECRET", "LAB_TOKEN_URL", "LAB_SCOPE"):
            monkeypatch.setenv(name, "http://127.0.0.1:9/x")
        argv = ("run", "item-comparison", "--base", "http://127.0.0.1:9")
        with forked_lab(*argv, cwd=tmp_path) as process:
            assert any(line == f"{FORBIDDEN}: socket.connect\n" for line in process.stderr)
        return
    session = SESSIONS["item-comparison"]
    with forked_lab(*argv, "--json", "--port", "0", "--record", "x", "--latency", "none", cwd=tmp_path) as process:
        caller = Caller(1, listening(process))
        caller.log_in()
        question = json.dumps(session.invoke.body.value)
        assert caller.ask("POST", session.invoke.path, caller.token, question, {"Content-Type": "application/json"})[
            "jobId"
        ]
        assert caller.ask("GET", session.path, caller.token)["status"] == "RUNNING"
        elsewhere = {"Host": "pod.example", "Content-Type": "application/json"}
        for path in ("/nowhere", "//pod.example/x", "http://pod.example/x", f"{session.path}x"):
            caller.ask("GET", path, caller.token, None, elsewhere)
        caller.connection.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 1
        assert FORBIDDEN not in process.stderr.read()
