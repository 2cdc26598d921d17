"""`lab show --as judged`: the page of a recording, with the report on its client."""

from pathlib import Path

from lab.plugins.rehearsal.report.gather import histories_of
from lab.plugins.rehearsal.report.judge import report_on
from lab.recording.format.reader import read
from tests.conftest import Lab
from tests.recording.dialect_sessions import SESSIONS, recorded
from tests.recording.test_timeline_page import Reader


def test_the_report_on_its_client_cites_calls_of_the_same_page(tmp_path: Path, lab: Lab) -> None:
    path = tmp_path / "tasks.rec.jsonl"
    path.write_bytes(recorded(SESSIONS["left early"])[0])
    page = lab("show", str(path), "--as", "judged").out
    found = Reader(page)
    failed = {finding.rule.id for finding in report_on({"tasks": histories_of(read(path.read_bytes()))}).failed}
    assert failed and failed <= set(found.ids) and "What the client did" in page
    assert {link[1:] for link in found.links} <= set(found.ids) and len(found.ids) == len(set(found.ids))
    assert "Content-Security-Policy" in page.split("<main>")[0]
    assert "http" not in page.split("<main>")[0].replace("http-equiv", "")
