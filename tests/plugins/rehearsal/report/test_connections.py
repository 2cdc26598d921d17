"""Rules E where nothing is wrong or can't be told, and what a recording says of connections."""

from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from lab.plugins.rehearsal.report.gather import histories_of
from lab.plugins.rehearsal.report.judge import RULE_OF, RuleVerdict
from lab.recording.format.lines import Entry, Recording
from lab.recording.format.reader import read
from tests.conftest import ROOT, each_row
from tests.plugins.rehearsal.report.good import MINUTE, Plain
from tests.plugins.rehearsal.report.good_kinds import Crowd
from tests.plugins.rehearsal.report.rehearsal import Rehearsal
from tests.plugins.rehearsal.report.test_failures import failed, verdict
from tests.plugins.rehearsal.report.together import SendBroken, Story, Together, judged
from tests.plugins.rehearsal.report.zoo import HEAD, QUICK, SLOW, Impatient, worked
from tests.plugins.rehearsal.report.zoo_failures import RESET
from tests.plugins.rehearsal.report.zoo_transport import LIMITED, Lingerer, NoHost, NoKeepAlive

PASS, NOT_EXERCISED = RuleVerdict.PASS, RuleVerdict.NOT_EXERCISED
AT_ONCE = f"{HEAD}steps:\n  - {{complete: done, output: Done.}}\n"
CLOSED = worked(
    "40s",
    "route: status, calls: every 1, strike: close",
    "route: token, strike: close",
    "route: invoke, strike: close",
)


@dataclass
class OnlyTls(Plain):
    """It takes the port for one with TLS, once."""

    def story(self) -> Story:
        yield SendBroken(self.c, "tls-on-plain-port")
        yield from super().story()


@pytest.mark.parametrize(
    ("rehearsal", "rule", "expected"),
    [
        pytest.param(Rehearsal(AT_ONCE, Plain), "E1", NOT_EXERCISED, id="few requests need no connection kept"),
        pytest.param(Rehearsal(QUICK, NoKeepAlive), "E1", NOT_EXERCISED, id="few requests may use a new one each"),
        pytest.param(Rehearsal(CLOSED, Plain), "E1", NOT_EXERCISED, id="what the server closed can't be used again"),
        pytest.param(Rehearsal(CLOSED, Plain), "E2", PASS, id="each was followed by another"),
        pytest.param(
            Rehearsal(AT_ONCE, NoKeepAlive, crowd=5, apart=0), "E1", NOT_EXERCISED, id="calls at once need several"
        ),
        pytest.param(
            Rehearsal(worked("15s", "route: status, calls: 1-4, strike: reset"), NoKeepAlive),
            "E1", NOT_EXERCISED, id="what was reset can't be used again",
        ),
        pytest.param(Rehearsal(RESET, Plain), "E2", NOT_EXERCISED, id="a reset is D3's"),
        pytest.param(
            Rehearsal(QUICK, Lingerer, idle=MINUTE), "E3", NOT_EXERCISED, id="the server closed what was left open"
        ),
        pytest.param(Rehearsal(QUICK, Lingerer, pace=1000), "E3", PASS, id="its own clock had seen no five minutes"),
        pytest.param(Rehearsal(QUICK, OnlyTls), "E4", PASS, id="TLS on the plain port is another mistake"),
        pytest.param(Rehearsal(LIMITED, Plain), "E5", NOT_EXERCISED, id="one at a time comes near no limit"),
        pytest.param(Rehearsal(LIMITED, Plain, crowd=10, apart=0), "E5", PASS, id="the limit itself is kept"),
        pytest.param(Rehearsal(SLOW, Plain, crowd=20, apart=0), "E5", NOT_EXERCISED, id="there is no limit"),
        pytest.param(Rehearsal(LIMITED, Crowd, crowd=20), "E5", PASS, id="a pool keeps it"),
    ],
)  # fmt: skip
def test_what_is_no_breach_is_none(rehearsal: Rehearsal, rule: str, expected: RuleVerdict) -> None:
    found = judged(rehearsal.day())
    assert failed(found) == []
    assert verdict(found, rule) is expected


def never_closed(day: Recording) -> Recording:
    return replace(
        day, lines=[line for line in day.lines if not (isinstance(line, Entry) and line.type == "connection.closed")]
    )


@each_row(("rest", "found"), [(0, []), (6 * MINUTE, ["E3"])])
def test_what_stays_open_is_judged_once_it_was_watched(rest: int, found: list[str]) -> None:
    day = never_closed(Rehearsal(QUICK, Plain, rest=rest).day())
    assert failed(judged(day)) == found
    assert found or verdict(judged(day), "E3") is NOT_EXERCISED


def test_while_a_job_is_under_way_connections_may_be_open() -> None:
    assert verdict(judged(Rehearsal(SLOW, Impatient).day()), "E3") is NOT_EXERCISED


def test_who_sent_broken_http_is_told_by_the_connection() -> None:
    lab = Together(QUICK)
    good, bad = Plain(lab, agent="good/1", c=1), NoHost(lab, agent="bad/1", c=2)
    histories = histories_of(lab.play(good.story(), bad.story()), over=True)
    # what came before any request on a connection may be anybody's
    assert [[each.kept for each in RULE_OF["E4"].occasions(history)] for history in histories] == [[False], [False]]
    lab = Together(QUICK)
    good, late = Plain(lab, agent="good/1", c=1), Plain(lab, agent="bad/1", c=2, start=60_000)

    def broken() -> Story:
        yield from late.story()
        yield SendBroken(2)

    histories = histories_of(lab.play(good.story(), broken()), over=True)
    assert [[each.kept for each in RULE_OF["E4"].occasions(history)] for history in histories] == [[True], [False]]


def test_without_sockets_nothing_is_said_of_connections() -> None:
    day = judged(read((ROOT / "recordings/rush-hour.rec.jsonl").read_bytes()))
    assert [verdict(day, rule) for rule in ("E1", "E2", "E3", "E4")] == [NOT_EXERCISED] * 4


@each_row(("scenarios", "limit"), [((10,), 10), ((10, 4), 10), ((10, None), None), ((None,), None)])
def test_the_limit_is_one_that_every_scenario_of_the_recording_allows(
    scenarios: tuple[int | None, ...], limit: int | None
) -> None:
    day = Rehearsal(LIMITED, Plain).day()
    assert day.header.scenarios is not None
    each = day.header.scenarios[0]
    known = tuple(replace(each, concurrent=one) for one in scenarios)
    (history,) = histories_of(replace(day, header=replace(day.header, scenarios=known)))
    assert history.concurrent == limit


@each_row(
    ("how", "by_server"),
    [*((how, True) for how in ("server", "fault", "idle")), *((how, False) for how in ("client", "reset", "shutdown"))],
)
def test_a_server_ends_connections_of_its_own_will_in_three_ways(how: str, by_server: bool) -> None:
    (history,) = histories_of(Rehearsal(QUICK, Plain).day())
    assert replace(history.connections[0], how=how).ended_by_server is by_server
