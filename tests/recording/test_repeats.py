"""Fresh job ids and idempotency keys on tape: what they brought is in the facts, and replays."""

from msgspec.structs import replace

from lab.core.exchange import Request, Response
from lab.core.observe import Replied
from lab.recording.format.lines import Entry, Line
from lab.recording.format.reader import read
from lab.recording.format.snapshot import snapshot
from lab.recording.replay.replay import replay
from lab.recording.tape.header import recording_header
from lab.recording.tape.tape import Tape
from tests.conftest import each_row
from tests.recording.joined import Joined, config, scenario
from tests.recording.rewritten import mutated
from tests.shapes import switched
from tests.wire_peer import invoke, status, token_request
from tests.wire_peer import read as json_of

ASK = {"message": "Taxi", "conversational": True}


class Peer(Joined):
    """A mock with a tape and both switches, asked one thing a second."""

    def __init__(self) -> None:
        switches = switched({"idempotency_key": "on", "resume_job_id": "new"})
        super().__init__(replace(config(scripted=False), switches=switches))
        self.bearer = str(json_of(self.ask(token_request("client_credentials")))["access_token"])

    def ask(self, request: Request, at: int | None = None) -> Response:
        self.now = self.now + 1_000 if at is None else at
        reply = self.service.serve(request, self.now)
        self.service.tell(Replied(self.now, reply.x, reply.response, reply.latency))
        return reply.response

    def invoke(self, body: object = ASK, key: str = "k-1", at: int | None = None) -> Response:
        return self.ask(invoke(self.bearer, body, idempotency_key=key), at)

    def resume(self, job: str) -> str:
        self.now += 20_000
        node = json_of(self.ask(status(self.bearer, job)))["waitingNodeDetails"]
        assert isinstance(node, dict)
        given = {"messageInstanceId": node["callbackToken"], "userResponse": "RFI_ACTION", "content": "More."}
        return str(json_of(self.ask(invoke(self.bearer, {"jobId": job, "resumeInput": given})))["jobId"])


def story(peer: Peer) -> str:
    first = peer.invoke()
    assert peer.invoke(at=peer.now).body == first.body  # it has left, though the clock stands before its instant
    assert peer.invoke().body == first.body
    assert peer.invoke({**ASK, "message": "other"}).status == 422
    assert peer.invoke(key="k" * 256).status == 400
    return str(json_of(first)["jobId"])


def test_keys_and_aliases_replay_and_stand_in_the_facts() -> None:
    peer = Peer()
    job = story(peer)
    second = peer.resume(job)
    third = peer.resume(second)
    assert len({job, second, third}) == 3
    assert (
        json_of(peer.ask(status(peer.bearer, third)))["traceId"]
        == json_of(peer.ask(status(peer.bearer, job)))["traceId"]
    )
    peer.tape.close(peer.now)
    found = read(peer.data)
    result = replay(found, [scenario()])
    assert result.passed, result.text()
    decided = [entry for entry in found.facts() if entry.type == "gate.decided"]
    assert [(entry.text("job"), entry.text("alias")) for entry in decided] == [(job, second), (job, third)]
    assert list(decided[1].members) == ["job", "gate", "round", "verdict", "by", "comment", "alias"]
    accepted = next(entry for entry in found.facts() if entry.type == "job.accepted")
    assert list(accepted.members)[-2:] == ["drawn", "idempotency"]


@each_row("member", ["alias", "idempotency"])
def test_a_fact_without_its_member_is_a_divergence(member: str) -> None:
    peer = Peer()
    peer.resume(story(peer))
    peer.tape.close(peer.now)
    found = read(peer.data)

    def change(line: Line) -> Line:
        if not isinstance(line, Entry):
            return line
        return replace(line, members={name: value for name, value in line.members.items() if name != member})

    result = replay(mutated(found, change), [scenario()])
    assert not result.passed and member in result.text()


def test_a_tape_begun_late_knows_keys_and_aliases() -> None:
    peer = Peer()
    job = story(peer)
    second = peer.resume(job)
    third = peer.resume(second)
    late: list[bytes] = []
    header = recording_header(peer.service.config, lab="0", t=peer.now)
    tape = Tape(peer.service, late.append, header)
    peer.service.observers[:] = [tape]
    tape.restate(snapshot(peer.service, peer.now), peer.now)
    for each in (second, third):
        assert json_of(peer.ask(status(peer.bearer, each)))["jobId"] == each
    assert json_of(peer.invoke())["jobId"] == job
    tape.close(peer.now)
    result = replay(read(b"".join(late)), [scenario()])
    assert result.passed, result.text()
