"""Server replay: what was recorded comes out again, and exactly what changed is reported."""

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from lab.core.errors import RecordingError, UsageError
from lab.core.exchange import Json, Request
from lab.core.journal.numbers import NumberUsed
from lab.core.observe import Replied
from lab.identity.records import TokenRecord, grants_in
from lab.jobs.program import program_of
from lab.language.parse import parse_scenario
from lab.program.words import Verdict
from lab.recording.divergences import Difference
from lab.recording.format.lines import ClockSpec, Entry, Line, Recording, Req, Res
from lab.recording.format.reader import LongLines, read
from lab.recording.format.repair import repair, told_last
from lab.recording.format.snapshot import snapshot
from lab.recording.redaction.leaks import leaks
from lab.recording.replay.compare import Comparison
from lab.recording.replay.replay import ReplayResult, replay
from lab.recording.show.transcript import clock, transcript_lines
from lab.recording.tape.header import config_of, recording_header
from lab.recording.tape.tape import Tape
from tests.conftest import each_row
from tests.recording.hostile import TEXTS, hostile
from tests.recording.joined import SCENARIO, Joined, config, scenario
from tests.recording.rewritten import mutated, rewritten, without
from tests.recording.test_codec import GOLDEN
from tests.wire_peer import basic, invoke, status, token_request
from tests.wire_peer import read as json_of

NAME = "recordings/x.rec.jsonl"


def recorded(*, scripted: bool = True) -> Joined:
    joined = Joined(config(scripted=scripted))
    joined.play(((Verdict.CHANGES, "Cheaper, please"), (Verdict.APPROVED, None)))
    joined.play_until_accepted()
    joined.now += 20_000
    return joined


@each_row("scripted", [True, False])
def test_record_replay_record_gives_the_same_bytes(scripted: bool) -> None:
    joined = recorded(scripted=scripted)
    if not scripted:
        assert joined.decide(list(joined.service.jobs())[-1], "manager", "rejected", "No.") == 200
    joined.service.end_tokens("demo", "revoke", joined.now)
    joined.play()
    found = joined.closed()
    result = replay(found, [scenario()], name=NAME)
    assert result.passed, result.text()
    assert result.again() == joined.data
    assert result.exchanges > 15 and result.facts > 8
    (last,) = result.remarks  # the second job is left before it ends
    assert last.what.startswith("no answer shows the end of job ") and found.end is not None
    assert not Comparison(found, config_of(found, [scenario()])).differences()


def test_what_matched_nothing_is_recorded_with_what_is_near_and_replays() -> None:
    joined = recorded()
    for path in ("/api/fusion-ai/orchestrator/agent/v3/EXPENSES/invokeAsync", "/oauth2/v1/tokens"):
        reply = joined.service.serve(Request("POST", path), joined.now)
        joined.service.tell(Replied(joined.now, reply.x, reply.response, reply.latency))
    found = joined.closed()
    missed = [line for line in found.lines if isinstance(line, Entry) and line.type == "request.missed"]
    assert [line.get("near") for line in missed] == [
        ["POST /api/fusion-ai/orchestrator/agent/v2/{code}/invokeAsync"], ["POST /oauth2/v1/token"],
    ]  # fmt: skip
    result = replay(found, [scenario()], name=NAME)
    assert result.passed and result.again() == joined.data, result.text()
    assert not Comparison(found, config_of(found, [scenario()])).differences()


SPOILS: tuple[Callable[[Res], dict[str, Any]], ...] = (
    lambda line: {"status": line.status + 1},
    lambda line: {"latency": (line.latency or 0) + 1},
    lambda line: {"headers": (("content-type", "text/plain"),)},
)


def test_a_fast_replay_misses_no_derived_fact_of_a_job_that_never_was() -> None:
    found = recorded().closed()
    ghost = Entry(n=found.count, t=found.until, type="job.status", members={"job": "ghost", "from": "RUNNING"})
    other = read(rewritten(found, [*found.lines, ghost]))
    assert Comparison(other, config_of(other, [scenario()])).differences()
    assert not replay(other, [scenario()]).passed


@cache
def a_day() -> Recording:
    return recorded().closed()


@given(st.data())
def test_a_fast_replay_sees_every_change_that_counts(data: st.DataObject) -> None:
    found = a_day()
    lines = [line for line in found.lines if not isinstance(line, Req)]
    spoiled = data.draw(st.sampled_from(lines))
    spoil = data.draw(st.sampled_from(SPOILS))

    def change(line: Line) -> Line:
        if line is not spoiled:
            return line
        if isinstance(line, Res):
            return replace(line, **spoil(line))
        assert isinstance(line, Entry)
        name, value = list(line.members.items())[-1]
        return replace(line, members={**line.members, name: [value]})

    other = mutated(found, change)
    assert Comparison(other, config_of(other, [scenario()])).differences()
    assert not replay(other, [scenario()]).passed


def test_wrong_credentials_are_replayed_as_wrong() -> None:
    joined = recorded()
    strange = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
    for authorization in (
        "Basic bm9ib2R5OnNlY3JldC1zZWNyZXQ=",
        "Basic %%",
        f"Bearer {strange}",
        "Bearer x",
        "bearer x",
    ):
        for method, path in (("POST", "/oauth2/v1/token"), ("GET", "/api/fusion-ai/orchestrator/agent/v2/X/status/1")):
            reply = joined.service.serve(Request(method, path, "", (("authorization", authorization),)), joined.now)
            joined.service.tell(Replied(joined.now, reply.x, reply.response, reply.latency))
    result = replay(joined.closed(), [scenario()], name=NAME)
    assert result.passed, result.text()
    assert result.again() == joined.data


def test_a_changed_status_is_reported_with_its_line_and_nothing_else_is() -> None:
    def change(line: Line) -> Line:
        return replace(line, status=503) if isinstance(line, Res) and line.x == 4 else line

    found = mutated(recorded().closed(), change)
    n = next(line.n for line in found.lines if isinstance(line, Res) and line.x == 4)
    result = replay(found, [scenario()], name=NAME)
    assert len(result.differences) == 1 and result.more == 0
    first = next(line for line in result.text().splitlines() if not line.startswith("warning"))
    job = next(each.text("job") for each in found.facts("job.accepted"))
    assert first == f"{NAME}:{n + 1}  GET …/status/J1 (x=4): expected status 503, got 200 (J1: {job})"
    assert '| -  "status": 503' in result.text() and '| +  "status": 200' in result.text()


def without_legend(found: Difference) -> str:
    """What differs, without the legend of the job's name."""
    return re.sub(r" \(J1: [0-9a-f-]{36}\)$", "", found.what)


def jobs_in(result: ReplayResult) -> Iterator[str]:
    """The jobs of which something is told, each found once."""
    assert len({found.job for found in result.differences}) == len(result.differences)
    return (found[0] for each in result.differences if (found := re.search(r"\bJ[0-9]+\b", each.what)))


def test_a_changed_body_held_fact_and_instant_are_each_reported() -> None:
    def change(line: Line) -> Line:
        match line:
            case Res(x=5):
                return replace(line, latency=(line.latency or 0) + 1)
            case Entry(type="gate.opened"):
                return replace(line, at=line.instant - 1)
            case _:
                return line

    result = replay(mutated(recorded().closed(), change), [scenario()], name=NAME)
    assert [*jobs_in(result)] == ["J1", "J2"] and result.more == 2


@each_row("type_", ["job.status", "gate.opened"])
@each_row("place", [0, 1])
def test_a_fact_that_is_missing_or_too_many_is_told_so_wherever_it_stands(type_: str, place: int) -> None:
    found = recorded().closed()
    (job, _) = found.facts("job.accepted")
    one = [fact for fact in found.facts(type_) if fact.text("job") == job.text("job")][place]
    gone = replay(read(without(found, lambda line: line.n == one.n)), [scenario()], name=NAME)
    assert [without_legend(each) for each in gone.differences] == [f"derived facts of J1: {type_} was not recorded"]
    lines = [replace(line, n=2 * line.n) for line in found.lines]
    twice = [each for line in lines for each in (line, replace(line, n=line.n + 1))[: 1 + (line.n == 2 * one.n)]]
    more = replay(read(rewritten(found, twice)), [scenario()], name=NAME)
    assert [without_legend(each) for each in more.differences] == [f"derived facts of J1: {type_} is missing"]
    assert gone.more == more.more == 0


def test_a_fact_too_many_is_told_before_what_differs_in_later_ones() -> None:
    found = recorded().closed()
    (job, _) = found.facts("job.accepted")
    opened, *_, later, _ = (
        fact for fact in found.facts("gate.opened", "job.status") if fact.text("job") == job.text("job")
    )
    other = mutated(found, lambda line: replace(line, at=line.t - 1) if line.n == later.n else line)
    result = replay(read(without(other, lambda line: line.n == opened.n)), [scenario()], name=NAME)
    assert [without_legend(each) for each in result.differences] == [
        f"derived facts of J1: {opened.type} was not recorded"
    ]
    assert result.more == 1


def test_the_first_divergence_of_a_job_is_that_of_the_earliest_line_though_it_is_found_last() -> None:
    found = recorded().closed()
    (job, _), after = found.facts("job.accepted"), iter(found.lines)
    derived = [line for line in found.facts("job.status", "gate.opened") if line.text("job") == job.text("job")]
    spoiled = next(line for line in after if isinstance(line, Res) and line.n > derived[-1].n)
    other = mutated(found, lambda line: replace(line, status=418) if line.n == spoiled.n else line)
    result = replay(read(without(other, lambda line: line.n == derived[-1].n)), [scenario()], name=NAME)
    assert [(one.line, without_legend(one)) for one in result.differences] == [
        (derived[-2].n + 1, "derived facts of J1: job.status was not recorded")
    ]
    assert result.more == 1


def test_a_changed_scenario_is_warned_of_first_and_the_first_divergence_of_each_job_is_told() -> None:
    text = SCENARIO.replace("after: 6s", "after: 7s")
    other = program_of(parse_scenario(text, "expense-approval.yaml"), sha256(text.encode()).hexdigest())
    result = replay(recorded().closed(), [other], name=NAME)
    assert result.text().startswith(f"warning: {NAME}: the scenario expense-approval has changed since it was")
    assert [*jobs_in(result)] == ["J1", "J2"] and result.more > 0


def test_recorded_draws_win_over_another_seed() -> None:
    joined = recorded()
    found = joined.closed()
    accepted = [entry for entry in found.facts() if entry.type == "job.accepted"]
    result = replay(found, [scenario()], name=NAME)
    again = [entry for entry in read(result.again()).facts() if entry.type == "job.accepted"]
    assert [entry.get("drawn") for entry in again] == [entry.get("drawn") for entry in accepted]


def test_what_only_the_shell_decides_is_not_compared() -> None:
    def change(line: Line) -> Line:
        return replace(line, by="shell", status=408) if isinstance(line, Res) and line.x in (4, 5) else line

    result = replay(mutated(recorded().closed(), change), [scenario()], name=NAME)
    assert result.passed, result.text()
    assert "2 exchanges were not asked" in result.text()


def test_only_whole_recordings_of_known_scenarios_are_replayed() -> None:
    joined = recorded()
    with pytest.raises(RecordingError, match="open"):
        replay(read(joined.data), [scenario()], name=NAME)
    joined.tape.close(joined.now)
    with pytest.raises(RecordingError, match="torn"):
        replay(read(joined.data[:-1]), [scenario()], name=NAME)
    with pytest.raises(UsageError, match="needs the scenario expense-approval"):
        replay(read(joined.data), [], name=NAME)


def test_a_report_can_not_command_a_runner() -> None:
    def change(line: Line) -> Line:
        if isinstance(line, Res) and line.x == 4 and isinstance(line.body.value, dict):
            value = {**line.body.value, "output": "::error::x\n##[command]\x1b[31m"}
            return replace(line, value=value)
        return line

    text = replay(mutated(recorded().closed(), change), [scenario()], name=NAME).text()
    assert "##[" not in text and "\x1b" not in text
    assert not any(line.lstrip().startswith("::") for line in text.splitlines())


def transcript(recording: Recording, numbered: bool = False) -> str:
    return "\n".join(transcript_lines(recording, numbered)) + "\n"


def test_the_transcript_tells_a_block_an_exchange_and_facts_between() -> None:
    text = "\n".join(transcript_lines(read(GOLDEN.read_bytes())))
    assert f"{text}\n" == GOLDEN.with_name("expense-approval.txt").read_text(encoding="utf-8")


@each_row("text", TEXTS)
def test_no_line_of_a_transcript_is_begun_or_commanded_by_a_peer(text: str) -> None:
    shown = list(transcript_lines(hostile(text)))
    assert all(line.isprintable() for line in shown)
    assert shown[-2:] == ["", "+00:00.000  end: closed"]


def test_by_its_number_a_line_of_the_file_is_found_in_the_transcript() -> None:
    text, whole = "\n".join(transcript_lines(read(GOLDEN.read_bytes()), True)), GOLDEN.read_bytes().splitlines()
    found = {
        int(number): begins for number, begins in re.findall(r"^ *([0-9]+)  \+[0-9:.]+  (\S+)", text, re.MULTILINE)
    }
    assert [*found] == [*range(2, len(whole))]  # the first is the header, the last the end
    for number, begins in found.items():
        line = json.loads(whole[number - 1])
        assert begins in {"req": (line.get("m"), "+", "="), "res": (str(line.get("s")),)}.get(line["k"], (begins,))


DAY = 86_400_000


@each_row(
    ("at", "text"),
    [
        (0, "+00:00.000"),
        (61_005, "+01:01.005"),
        (3_600_000 + 61_005, "+61:01.005"),
        (DAY - 1, "+1439:59.999"),
        (DAY, "+1d 00:00:00.000"),
        (2 * DAY - 1, "+1d 23:59:59.999"),
        (2 * DAY + 15 * 3_600_000 + 5_123, "+2d 15:00:05.123"),
        (100 * DAY, "+100d 00:00:00.000"),
    ],
)
def test_instants_of_a_transcript_name_the_day_from_the_second_on(at: int, text: str) -> None:
    assert clock(at) == text


@given(st.integers(0, 1000 * DAY))
def test_an_instant_of_a_transcript_can_be_read_back(at: int) -> None:
    days, _, rest = clock(at).removeprefix("+").rpartition("d ")
    *larger, seconds = rest.split(":")
    hours, minutes = [0, *map(int, larger)][-2:]
    assert (at >= DAY) == bool(days)
    assert at == int(days or 0) * DAY + hours * 3_600_000 + minutes * 60_000 + int(seconds.replace(".", ""))


def test_a_tape_that_begins_late_tells_the_numbers_that_nothing_restated_stands_for() -> None:
    joined = Joined(config())
    wrong = token_request("client_credentials", basic("demo", "wrong"))
    joined.service.serve(wrong, 0)
    token = joined.service.serve(token_request("client_credentials"), 0).response
    late: list[bytes] = []
    now = 100_000_000  # the token is long forgotten
    facts = snapshot(joined.service, now)
    assert [(fact.counter, fact.value) for fact in facts if isinstance(fact, NumberUsed)] == [
        ("ecid", 1),
        ("token/demo", 1),
    ]
    header = recording_header(joined.service.config, lab="0", t=now)
    tape = Tape(joined.service, late.append, header)
    tape.restate(facts, now)
    joined.service.observers[:] = [tape]
    for request in (wrong, token_request("client_credentials")):
        reply = joined.service.serve(request, now)
        joined.service.tell(Replied(now, reply.x, reply.response, reply.latency))
        assert reply.response != token
    tape.close(now)
    assert len(list(read(b"".join(late)).facts("number.used"))) == 2, "of an exchange none stands on a tape"
    result = replay(read(b"".join(late)), [scenario()])
    assert result.passed and result.again() == b"".join(late)


def test_a_tape_that_begins_late_restates_what_lives_and_replays_by_itself() -> None:
    joined = recorded(scripted=False)
    assert joined.decide(list(joined.service.jobs())[-1], "manager", "approved") == 200
    late: list[bytes] = []
    tape = Tape(joined.service, late.append, recording_header(joined.service.config, lab="0", t=joined.now))
    tape.restate(snapshot(joined.service, joined.now), joined.now)
    joined.service.observers.append(tape)
    joined.play(((Verdict.APPROVED, None),))
    tape.close(joined.now)
    found = read(b"".join(late))
    types = [entry.type for entry in found.facts() if entry.x is None and entry.at is not None]
    assert types[:3] == ["token.granted", "job.accepted", "gate.decided"] and types.count("job.accepted") == 2
    result = replay(found, [scenario()], name=NAME)
    assert result.passed, result.text()


def test_long_bodies_stand_in_their_lines_and_replay() -> None:
    joined = Joined(config())
    joined.play()
    long = b'{"message":"' + b"x" * 70_000 + b'"}'
    token = next(grants_in(joined.service.ledger, TokenRecord, joined.now))[0]
    headers = (("authorization", f"Bearer {token}"), ("content-type", "application/json"))
    path = "/api/fusion-ai/orchestrator/agent/v2/EXPENSES/invokeAsync"
    assert joined.ask(Request("POST", path, "", headers, long)).status == 202
    found = joined.closed()
    result = replay(found, [scenario()], name=NAME)
    assert result.passed, result.text()
    assert result.again() == joined.data and b"x" * 70_000 in joined.data


def test_a_torn_recording_is_repaired_once_and_a_whole_one_is_left_alone() -> None:
    joined = recorded()
    torn = joined.data[:-7]
    mended, gone = repair(torn)
    found = read(mended)
    assert found.end is not None and found.end.reason == "repaired" and gone == len(joined.lines[-1]) - 7
    assert repair(mended) == (mended, 0)
    joined.tape.close(joined.now)
    assert repair(joined.data) == (joined.data, 0)


@each_row(
    ("text", "hits"),
    [
        ('{"p":"Bearer lab-T1-token"}', 0),
        ('{"p":"Bearer eyJa.eyJb.c"}', 1),
        ('{"password":"x"}', 1),
        ('{"password":"lab-S1-secretx"}', 1),
        ('{"x":"password=lab-S1-secret!%FF&token=lab-W1-wrongé&secret=%FF&api_key=lab-S2-secret-xx\\u000ax"}', 0),
        ('{"x":"{\\"token\\": \\"lab-T1-token\\", \\"secret\\": [\\"lab-S1-secret\\"]}"}', 0),
        ('{"x":"%22token%22%3A+%22lab-S1-secret%22"}', 0),
        ('{"p":"as https://identity.oraclecloud.com/, https://identity.oraclecloud.com, or https://lab.test."}', 0),
        ('{"input":"{\\"password\\":\\"x\\"}"}', 1),
        ('{"p":"https://pod.fa.oraclecloud.com/x"}', 1),
        ('{"p":"http://127.0.0.1:8080/x https://acme.example/ http://localhost"}', 0),
        ('{"p":"jane@corp.com"}', 1),
        ('{"p":"jane@example.com"}', 0),
        ('{"p":"+49 170 1234567"}', 1),
        ('{"p":"+2000 ms"}', 0),
    ],
)
def test_leaks_are_told_with_their_line(text: str, hits: int) -> None:
    found = list(leaks(f"{{}}\n{text}\n".encode()))
    assert len(found) == hits and all(leak.line == 2 for leak in found)


def test_a_recording_of_the_mock_leaks_nothing() -> None:
    joined = recorded()
    joined.tape.close(joined.now)
    clients = [(client.id, client.secret) for client in joined.service.config.clients]
    assert list(leaks(joined.data, clients)) == []
    assert list(leaks(GOLDEN.read_bytes(), clients)) == []


def test_the_parameters_of_a_first_turn_replay_in_the_next() -> None:
    text = SCENARIO.partition("  - gate:")[0] + "  - {complete: paid, output: '{{ parameters.org }} paid.'}\n"
    program = program_of(parse_scenario(text, "expense-approval.yaml"), sha256(text.encode()).hexdigest())
    lab = Joined(config(program=program))

    def answer(request: Request) -> dict[str, object]:
        lab.now += 10_000
        reply = lab.service.serve(request, lab.now)
        lab.now += reply.latency
        lab.service.tell(Replied(lab.now, reply.x, reply.response, reply.latency))
        return json_of(reply.response)

    bearer = str(answer(token_request("client_credentials"))["access_token"])
    outputs = []
    for parameters in ({"org": "NORTH"}, {}):
        members = {"message": "Taxi", "conversational": True, "conversationId": "talk", "parameters": parameters}
        job = str(answer(invoke(bearer, members))["jobId"])
        outputs.append(answer(status(bearer, job))["output"])
    assert outputs == ["NORTH paid."] * 2
    result = replay(lab.closed(), [program])
    assert result.passed, result.text()


@each_row("limit", [None, 1_000])
def test_a_tape_that_ends_with_replies_under_way_says_so_of_each_and_replays(limit: int | None) -> None:
    joined = Joined(config())
    if limit is not None:
        joined.tape.limit = limit
    first, *_ = [joined.service.serve(token_request("client_credentials"), joined.now, c=c) for c in (1, 2, 3)]
    joined.service.tell(Replied(joined.now, first.x, first.response, first.latency))
    joined.tape.close(joined.now)
    found = read(joined.data)
    replies = [line for line in found.lines if isinstance(line, Res)]
    assert [(line.x, line.status, line.cut, line.sent) for line in replies[1:]] == [
        (2, 0, "shutdown", 0),
        (3, 0, "shutdown", 0),
    ]
    if limit is None:
        result = replay(found, [scenario()])
        assert result.passed and result.again() == joined.data
        assert result.text() == "warning: recording: 2 replies left no byte, and were not compared"
        assert not Comparison(found, config_of(found, [scenario()])).differences()


def two_connections() -> Recording:
    joined = Joined(config())
    for c in (1, 2, 2):
        reply = joined.service.serve(token_request("client_credentials"), joined.now, c=c)
        joined.service.tell(Replied(joined.now, reply.x, reply.response, reply.latency))
    return joined.closed()


@each_row(
    ("x", "reason", "passes"),
    [(1, "closed", False), (1, "sigterm", False), (1, "repaired", True), (2, "repaired", True), (3, "closed", False)],
)
def test_a_reply_may_be_missing_of_what_a_kill_left(x: int, reason: str, passes: bool) -> None:
    gone = without(two_connections(), lambda line: isinstance(line, Res) and line.x == x, reason)
    if passes:
        assert replay(read(gone), [scenario()]).passed
    else:
        with pytest.raises(RecordingError, match=f"the exchange {x} has no reply"):
            read(gone)


def test_a_stand_in_that_nothing_gave_is_let_in_by_nobody() -> None:
    data = recorded().closed()

    def change(line: Line) -> Line:
        if isinstance(line, Req) and line.x == 3:
            return replace(line, headers=(("authorization", "Bearer lab-T7-token"),))
        return line

    result = replay(mutated(data, change), [scenario()])
    assert "(x=3): expected status 200, got 401" in result.text()


HUGE = 10**30


@each_row("what", ["x", "first x", "at", "-at", "until", "takes", "decimal", "held", "year 9999"])
def test_no_number_hangs_a_replay_or_ends_it_with_a_traceback(what: str) -> None:
    def change(line: Line) -> Line:
        match what, line:
            case "x", Req(x=4) | Res(x=4):
                return replace(line, x=HUGE)
            case "first x", Req() | Res():
                return replace(line, x=line.x + 10**14)
            case "first x", Entry() if line.x is not None:
                return replace(line, x=line.x + 10**14)
            case "at" | "-at", Entry(type="gate.opened"):
                return replace(line, at=HUGE if what == "at" else -HUGE)
            case "until", Entry(type="token.granted"):
                return replace(line, members={**line.members, "until": HUGE})
            case "takes", Entry(type="job.accepted"):
                return replace(
                    line, members={**line.members, "drawn": {"data/payer": "x", "read/takes": HUGE, "pay/takes": 1}}
                )
            case "decimal", Entry(type="job.accepted"):
                return replace(line, members={**line.members, "drawn": {"data/payer": HUGE}})
            case "held", Res(x=4):
                return replace(line, latency=-HUGE)
            case _:
                return line

    found = recorded().closed()
    last = {"clock": ClockSpec(mode="manual", epoch="9999-12-31T23:59:59Z")} if what == "year 9999" else {}
    data = rewritten(found, map(change, found.lines), **last)
    if what in ("takes", "decimal", "first x"):
        # where exchanges are counted from is nobody's business
        assert replay(read(data), [scenario()]).passed == (what == "first x")
    else:
        with pytest.raises(
            RecordingError, match=r"that large|can't be replayed|is no instant|Expected `int` [<>]|no JSON"
        ):
            replay(read(data), [scenario()])


def test_a_draw_that_the_seed_does_not_give_is_told_though_nothing_shows_it() -> None:
    joined = Joined(config())
    joined.play_until_accepted()
    found = joined.closed()
    accepted = next(entry for entry in found.facts() if entry.type == "job.accepted")
    drawn = accepted.get("drawn")
    assert isinstance(drawn, dict)
    for other in (
        {**drawn, "pay/takes": 7},
        {**drawn, "more": 1},
        {"data/payer": "x", "read/takes": drawn["read/takes"]},
    ):

        def change(line: Line, other: Json = other) -> Line:
            return replace(line, members={**accepted.members, "drawn": other}) if line == accepted else line

        result = replay(mutated(found, change), [scenario()])
        assert "is drawn otherwise now" in result.text()


def test_a_long_recording_is_read_a_line_at_a_time_and_replays_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    joined = recorded()
    data, whole = joined.closed(), joined.data
    spoiled = mutated(data, lambda line: replace(line, status=418) if isinstance(line, Res) and line.x == 5 else line)
    other = rewritten(spoiled)
    monkeypatch.setattr("lab.recording.format.reader.LONGEST_KEPT", 100)
    found = read(whole)
    assert isinstance(found.lines, LongLines) and found.count == data.count and b'"as":' in whole
    assert tuple(found.lines) == data.lines and tuple(found.facts()) == tuple(data.facts())
    result = replay(found, [scenario()])
    assert result.passed and result.again() == whole
    assert replay(read(other), [scenario()]).text() == replay(spoiled, [scenario()]).text() != ""
    assert repair(whole[:-1])[1] > 0 and read(whole[:-1]).state == "torn"


@each_row(
    ("lines", "said"),
    [
        (1, "the header"),
        (2, "line 2, the request x=1; without a reply: x=1"),
        (3, "line 3, the reply to x=1"),
        (10, "line 10, the request x=5; without a reply: x=5"),
        (12, "line 12, job.status"),
        (17, "line 17, job.status; without a reply: x=7"),
    ],
)
def test_of_a_repaired_recording_it_is_told_behind_what_it_was_closed(lines: int, said: str) -> None:
    """Its footer alone may have been taken by hand: that looks as if the lab had been killed."""
    written = recorded().data.splitlines(keepends=True)
    mended, gone = repair(b"".join(written[:lines]))
    assert (told_last(read(mended)), gone) == (said, 0)
