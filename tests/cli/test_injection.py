"""Text of peers and files commands nobody: no log of CI, no terminal, no XML, Markdown or page (recordings.md §12)."""

import json
import re
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt

from lab.cli.ci_forms import LONGEST_CELL, MOST_NOTES, annotations, in_markdown, note
from lab.core.errors import Complaint
from lab.core.logtext import no_command
from lab.files.artifacts import cut_to
from tests.conftest import ROOT, Called, Lab, each_row
from tests.recording.hostile import TEXTS, hostile
from tests.recording.rewritten import rewritten

OURS = re.compile(r"::(?:error|warning|notice) (?:file=[^:]*,line=\d+,col=\d+,)?title=lab [a-z -]+::")
OBEYED = re.compile(r"##\w*\[")


def obeyed(text: str) -> list[str]:
    """The lines that a runner would obey, our annotations apart: it trims a line, and finds `##[` anywhere in it."""
    lines = re.split("\r\n|\n|\r", text)
    return [line for line in lines if OBEYED.search(line) or (line.strip().startswith("::") and not OURS.match(line))]


def shown(text: str) -> bool:
    """Whether a terminal just shows it."""
    return all(line.isprintable() for line in text.replace("\t", " ").split("\n"))


def test_the_runner_in_this_file_obeys() -> None:
    assert len(obeyed("::error::x\n  ::x\ny ##[error]\n##vso[x\n\r::y\r\n::error title=lab check::fine")) == 5
    assert obeyed(TEXTS[3])
    assert not shown(TEXTS[4]) and not shown(TEXTS[5])


@pytest.fixture
def runner(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.txt")
    return lab


def harmless(called: Called) -> None:
    assert obeyed(called.out) == obeyed(called.err) == []
    assert shown(called.out) and shown(called.err)


@cache
def markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": True}).enable("table")


FINE = {"text", "softbreak", "strong_open", "strong_close", "html_inline"}


def harmless_page(text: str) -> None:
    """A summary of which Markdown makes what we mean, and nothing more."""
    assert shown(text) and obeyed(text) == []
    for block in markdown().parse(text):
        assert block.type not in ("html_block", "fence", "code_block")
        for part in block.children or ():
            assert part.type in FINE, (part.type, part.content)
            assert part.type != "html_inline" or part.content == "<br>"
    assert "://" not in text and "www." not in text


@pytest.mark.long
@pytest.mark.parametrize("text", TEXTS)
def test_what_stands_in_a_recording_is_obeyed_by_nobody(runner: Lab, text: str) -> None:
    file = written(text)
    for command in ("replay", "check"):
        assert_nobody_obeys(runner, command, file)
    harmless_page(Path("summary.txt").read_text())
    harmless(runner("play", file, "--plain"))
    for kind in ("text", "md", "html", "har"):
        called = runner("show", file, "--as", kind)
        assert called.code == 0
        harmless(called)
    assert json.loads(called.out)["log"]["version"] == "1.2"


def written(text: str) -> Path:
    """A recording whose peers say it wherever they can."""
    file = Path("day.rec.jsonl")
    file.write_bytes(rewritten(hostile(text)))
    return file


def assert_nobody_obeys(runner: Lab, command: str, file: Path) -> None:
    """Neither a runner of CI nor a terminal or a parser of XML, whichever form the command has."""
    for form in ((), ("--format", "text"), ("--json",)):
        called = runner(command, file, *form, "--out", "junit=out.xml")
        harmless(called)
        ElementTree.parse("out.xml")
        if form == ("--json",):
            assert all(json.loads(line) for line in called.lines)


@pytest.mark.parametrize("text", [each for text in TEXTS if (each := text.replace("\0", "").replace("\ud800", ""))])
def test_what_a_file_is_called_is_obeyed_by_nobody(runner: Lab, text: str) -> None:
    name = text.replace("/", "_")
    Path(f"{name}.rec.jsonl").write_bytes((ROOT / "recordings" / "bad-line.rec.jsonl").read_bytes()[:-9])
    Path(f"{name}.yaml").write_text("lab: 1\nname: x\n")
    for command in ("replay", "check"):
        called = runner(command, ".", "--out", "junit=out.xml")
        assert called.code and any(line.startswith("::error file=") for line in called.lines)
        harmless(called)
        ElementTree.parse("out.xml")
    harmless_page(Path("summary.txt").read_text())


@each_row("text", TEXTS)
def test_annotations_say_one_thing_each_and_name_no_other_place(text: str) -> None:
    (line,) = annotations("lab replay", [Complaint(f"a,line=9::{text}", 7, 1, text)])
    assert OURS.match(line) and shown(line) and "\n" not in line and not OBEYED.search(line)
    properties = line.removeprefix("::error ").partition("::")[0].split(",")
    assert [each.partition("=")[0] for each in properties] == ["file", "line", "col", "title"]
    assert properties[1] == "line=7"


def test_a_runner_shows_nine_and_how_many_more() -> None:
    lines = list(annotations("lab check", [note(str(number)) for number in range(MOST_NOTES + 3)]))
    assert len(lines) == MOST_NOTES + 1 and lines[-1] == "::error title=lab check::and 3 more"


@each_row("text", TEXTS)
def test_a_cell_shows_the_text_and_nothing_else(text: str) -> None:
    html = markdown().render(f"| a |\n|---|\n| x{in_markdown(text)} |\n")
    assert html.count("<td>") == html.count("<tr>") - 1 == 1
    assert not re.search(r"<(?!/?(?:table|thead|tbody|tr|th|td)\b)", html)


def test_a_long_cell_is_cut() -> None:
    assert len(in_markdown("x" * 5000)) == LONGEST_CELL


@each_row("room", [0, 99, 100, 150, 1000, 5000])
def test_a_summary_is_cut_at_a_line_and_says_so(room: int) -> None:
    text = "é line\n" * 100
    cut = cut_to(text, room)
    assert len(cut.encode()) <= max(room, 0)
    assert cut == text or cut == "" or cut.endswith("\nCut: a summary has 1 MiB at most.\n")
    assert set(cut.splitlines()) <= {"é line", "", "Cut: a summary has 1 MiB at most."}


def test_what_a_step_has_said_before_counts(runner: Lab) -> None:
    Path("five.yaml").write_text("lab: 1\n")
    Path("summary.txt").write_text("before\n")
    runner("check", "five.yaml")
    assert Path("summary.txt").read_text().startswith("before\n## lab check: 0 passed, 1 failed\n\n| file |")
    Path("summary.txt").write_bytes(b"x" * (1 << 20))
    runner("check", "five.yaml")
    assert Path("summary.txt").stat().st_size == 1 << 20


def test_a_summary_that_can_not_be_written_ends_nothing(runner: Lab) -> None:
    Path("summary.txt").mkdir()
    called = runner("check", "scenarios/bad-line.yaml")
    assert called.code == 0 and "summary.txt can't be written" in called.err


def test_a_text_full_of_blanks_takes_no_time() -> None:
    assert no_command(" \n" * 200_000 + "::x ##[y") == " \n" * 200_000 + "\\u003a:x #\\u0023[y"


def test_a_file_that_is_called_like_a_command_is_named_as_it_is() -> None:
    (line,) = annotations("lab check", [Complaint("::z, 1%.yaml", 1, 1, "x")])
    assert line.startswith("::error file=%3A%3Az%2C 1%25.yaml,line=1,")


def test_an_annotation_says_what_to_do_too() -> None:
    (line,) = annotations("lab check", [Complaint("a.yaml", 7, 3, "there is no step b", "did you mean c?", "warning")])
    assert line == "::warning file=a.yaml,line=7,col=3,title=lab check::there is no step b; did you mean c?"
