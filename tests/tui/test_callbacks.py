"""Callbacks on the screen: a ▲ in the band, the call and its answer in the wire, a line in a transcript."""

from lab.app.effects import RunObservation
from lab.core.observe import Noted
from lab.jobs.callbacks import CallbackAnswered, CallbackSent
from lab.program.callbacks import CallbackStrike
from lab.tui import line_mode
from lab.tui.panes.registry import draw, places
from lab.tui.panes.wire import ExchangePage
from lab.tui.rows.spans import plain
from lab.tui.state.journal import JournalState, changes, follow
from tests.conftest import each_row
from tests.tui import play
from tests.tui.test_hero import band, view_of
from tests.tui.test_view import SHOW

BODY = f'{{"type":"job.waiting","data":{{"job":"{play.JOB}","status":"WAITING"}}}}'


def sent(at: int, number: int = 1, fault: CallbackStrike | None = None) -> Noted:
    fact = CallbackSent(
        at=at, job=play.JOB, receiver="notify", callback="msg_1", number=number, status="WAITING", changed=at - 1,
        timestamp=1_767_225_600, whole=BODY, signature="bad" if fault == "bad-signature" else "good", fault=fault,
    )  # fmt: skip
    return Noted(at, fact)


def came(at: int, number: int = 1, status: int | None = 204, why: str | None = None) -> Noted:
    fact = CallbackAnswered(
        at=at, job=play.JOB, receiver="notify", callback="msg_1", number=number, status=status, why=why
    )
    return Noted(at, fact)


def test_it_rises_in_the_band_with_what_it_was_answered() -> None:
    refused = [*play.running(), sent(2_000, fault="bad-signature"), came(2_100, status=401)]
    app, api, _ = band(view_of(refused), 4_500)
    assert api.count("▲") == 1 and abs(app.index("401") - api.index("▲")) <= 6
    _, under_way, _ = band(view_of([*play.running(), sent(2_000)]), 4_500)
    assert under_way == api


def wire(*observations: RunObservation) -> list[str]:
    view = view_of([*play.running(), *observations], wire=True, focus="wire")
    return [plain(line) for line in draw("wire", view, places(view, 120, 36)["wire"], 5_000)]


@each_row(("observations", "shown"), [
    ((sent(4_100),), "···"),
    ((sent(4_100), came(4_207)), "204   107 ms"),
    ((sent(4_100), came(4_207, status=None, why="refused")), "refused"),
    ((sent(4_100, fault="lost"),), "lost"),
])  # fmt: skip
def test_the_wire_has_it_with_its_answer(observations: tuple[Noted, ...], shown: str) -> None:
    (row,) = [line for line in wire(*observations) if "▲ notify" in line]
    assert "POST" in row and shown in row


def test_its_page_shows_it_whole() -> None:
    view = view_of([*play.running(), sent(4_100, fault="bad-signature"), came(4_207, status=401)])
    call = view.run.exchanges[-1]
    page = ExchangePage(call)
    text = "\n".join(map(plain, page.body(view, 100)))
    for part in (
        "webhook-id: msg_1",
        "webhook-timestamp: 1767225600",
        "of another key",
        play.JOB,
        "401",
        "bad-signature",
    ):
        assert part in text, part
    assert page.title.startswith("CALLBACK · ")


@each_row(("observations", "lines"), [
    ((sent(4_100), came(4_207)), ["00:04.2 CALLBACK WAITING to notify, try 1  204"]),
    ((sent(4_100, 2), came(4_207, 2, None, "timeout")), ["00:04.2 CALLBACK WAITING to notify, try 2  timeout"]),
    ((sent(4_100, fault="lost"),), ["00:04.1 CALLBACK WAITING to notify, try 1  lost"]),
])  # fmt: skip
def test_a_transcript_has_a_line_for_each_try(observations: tuple[Noted, ...], lines: list[str]) -> None:
    journal = JournalState(own=True)
    for each in play.running():
        journal = follow(journal, each)
    found: list[str] = []
    for each in observations:
        journal, way = changes(journal, each)
        found += [line for step in way for line in line_mode.lines(step, SHOW) if not line.startswith("#")]
    assert found == lines


def test_one_of_another_job_changes_no_run() -> None:
    journal = JournalState(own=True)
    for each in play.running():
        journal = follow(journal, each)
    fact = CallbackSent(
        at=4_100, job="other", receiver="notify", callback="msg_1", number=1, status="COMPLETE", changed=1, timestamp=1,
        whole="{}",
    )  # fmt: skip
    assert follow(journal, Noted(4_100, fact)).run().callbacks == ()
