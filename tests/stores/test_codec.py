"""A record and a commit come back from a store as they went in."""

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from lab.core.exchange import Request, Response
from lab.core.journal.fact import Key, Record
from lab.core.journal.numbers import Polled
from lab.core.journal.shared import Commit
from lab.core.journal.shell import ConnectionClosed
from lab.core.observe import Noted, Replied, Requested
from lab.faults.facts import FaultStruck
from lab.jobs.facts import ConversationRecord, JobAccepted, JobOrigin, JobRecord, conversation_key, job_key
from lab.jobs.gates import Decision, Origin
from lab.program.words import Verdict
from lab.recording.format.facts import FACTS
from lab.stores.codec import (
    RECORDS,
    ObservedAt,
    PublishedExchange,
    decode_commit,
    decode_exchange,
    decode_record,
    encode_commit,
    encode_exchange,
    encode_record,
)
from tests.conftest import each_row, examples
from tests.mock.test_fold import STEPS, SWITCHES, Peer, Step
from tests.wire_peer import service


def classes(base: type[Record]) -> Iterator[type[Record]]:
    for each in base.__subclasses__():
        if each.__module__.startswith("lab."):
            yield each
            yield from classes(each)


def test_no_class_of_records_is_left_out() -> None:
    assert FACTS  # every room with facts has been imported, and its records with them
    assert {each.__name__: each for each in classes(Record) if each is not Polled} == RECORDS


@settings(examples(12, thorough=1_000))
@given(steps=STEPS, switches=st.sampled_from(SWITCHES))
def test_every_record_and_fact_of_a_session_comes_back(steps: list[Step], switches: dict[str, object]) -> None:
    mock = service(**switches)
    commits: list[Commit] = []
    mock.journals.append(lambda facts: commits.append(Commit(7, "p", 1, facts[-1].at, 8, tuple(facts))))
    peer = Peer(mock)
    for step in steps:
        peer.learn(peer.call(*step)(mock))
    for key, record in mock.ledger._records.items():
        assert decode_record(encode_record(record)) == record, key
    for each in commits:
        assert decode_commit(each.place, encode_commit(each)) == each


THREAD: Key = conversation_key("\ud800")
ODD = (
    ConversationRecord("T", "\udfff", (job_key("a" * 8 + "-aaaa-aaaa-aaaa-" + "a" * 12), job_key("{\udc80"))),
    ConversationRecord("T", "{}", b"\x00\xff{"),
    JobRecord(
        JobOrigin("demo", "é🚕", "T", None, ("data/x",), 2, 2), THREAD, 3, 2**62, '{"message":"\\ud800"}', b"[1e300]",
        (Decision(5, "gate\ud800", 0, Verdict.APPROVED, Origin.PERSON, "Ana", "\u2028\x00"), Decision(9, "wait", 1, None)),
    ),
)  # fmt: skip


@each_row("record", ODD)
def test_what_no_utf_8_can_say_comes_back(record: Record) -> None:
    assert decode_record(encode_record(record)) == record


@each_row("text", ["\ud800", "\n", "\u2028", "\x00", "🚕", '"', "9" * 400])
def test_a_commit_comes_back_whatever_a_client_said(text: str) -> None:
    fact = JobAccepted(
        at=1, job="j", client="demo", turn=1, team="T", ordinal=1, drawn={}, input={"message": text, "x": 2**70}
    )
    sent = Commit(6, "p:\n", 3, 1, 9, (fact,), (None,))
    assert repr(decode_commit(sent.place, encode_commit(sent))) == repr(sent)


def test_jobs_that_are_alike_share_their_texts() -> None:
    one, other = (decode_record(encode_record(ODD[2])) for _ in range(2))
    assert isinstance(one, JobRecord) and isinstance(other, JobRecord)
    assert one.input is other.input and one.origin is other.origin


@each_row("text", ["x", "\ud800"])
def test_an_exchange_comes_back_as_it_was_observed(text: str) -> None:
    request = Request("POST", "/a", "b=1", (("x", text),), b"\x00\xff" + text.encode("utf-8", "surrogatepass"))
    observed = (
        Requested(1, 5, "invoke", request, 3, ("flag",), 7),
        Noted(2, ConnectionClosed(at=2, c=3, how=text)),
        Noted(2, FaultStruck(at=2, fault=text, call=4), 5),
        Replied(9, 5, Response(202, (("y", "z"),), b"{}", (1, 2)), 8, cut="reset", sent=1),
    )
    sent = PublishedExchange("p", 1, 17, [ObservedAt.of(each, wall) for wall, each in enumerate(observed)])
    come = decode_exchange(encode_exchange(sent))
    assert tuple(each.observation for each in come.observed) == observed
    assert [each.wall for each in come.observed] == [0, 1, 2, 3] and come.position == 17
