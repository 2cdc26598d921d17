"""`lab play` where there is no terminal: the lines of `lab run`, and what is wrong with the file."""

import io
import json
import re
from pathlib import Path

import pytest

from lab.cli.console import Console
from lab.cli.main import run_command
from lab.tui.rows.spans import row
from lab.tui.screens.rows_widget import strip_of
from lab.tui.themes import COLOURS, Styles
from tests import terminal
from tests.conftest import UNLIKE, few_of, name_of

ROOT = Path(__file__).parents[2]
RECORDING = ROOT / "tests" / "tui" / "played.rec.jsonl"
RECORDINGS = sorted((ROOT / "recordings").glob("*.rec.jsonl"))


def lab(*argv: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    return run_command(list(argv), Console(out, err)), out.getvalue(), err.getvalue()


def test_a_recording_is_told_as_the_run_was(tmp_path: Path) -> None:
    scenarios = str(ROOT / "scenarios")
    file = tmp_path / "told.rec.jsonl"
    code, ran, _ = lab("run", "item-comparison", "--speed", "instant", "--record", str(file), "--scenarios", scenarios)
    assert code == 0
    code, printed, err = lab("play", str(file), "--plain", "--scenarios", scenarios)
    assert (code, err, printed) == (0, "", ran)


def test_a_name_whose_recording_lies_here_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("day.rec.jsonl").write_bytes(RECORDING.read_bytes())
    for command in ("play", "replay", "show"):
        assert "day.rec.jsonl lies here: name it with its ending." in lab(command, "day")[2]


@pytest.mark.parametrize("path", few_of(RECORDINGS, UNLIKE, name_of), ids=name_of)
def test_every_shipped_recording_is_told_to_its_end(path: Path) -> None:
    code, printed, err = lab("play", str(path), "--scenarios", str(ROOT / "scenarios"))
    assert code == 0 and err == "" and "polls\n" in printed


def test_on_a_terminal_it_is_shown_and_played_through() -> None:
    with terminal.lab("play", str(RECORDING)) as term:
        term.until(lambda seen: "Play, about" in seen.text)
        term.press("\x1b[F")  # end
        term.until(lambda seen: "line 28 of 28" in seen.text and "COMPLETE" in seen.text)
        term.press("0")
        term.until(lambda seen: "line 1 of 28" in seen.text)
        term.press("\x11")  # ctrl+q
        assert term.ended() == 0


def test_a_torn_recording_is_told_to_its_last_whole_line(tmp_path: Path) -> None:
    file = tmp_path / "torn.rec.jsonl"
    data = RECORDINGS[0].read_bytes()
    file.write_bytes(data[: len(data) // 2])
    code, printed, err = lab("play", str(file), "--plain")
    assert code == 0 and "TOKEN" in printed
    assert "The recording is torn" in err and "lab repair" in err


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    assert lab("play", str(tmp_path / "nothing.rec.jsonl"))[0] == 2
    file = tmp_path / "bad.rec.jsonl"
    file.write_text("{}\n")
    code, _, err = lab("play", str(file))
    assert code == 3 and "bad.rec.jsonl:1" in err
    data = RECORDINGS[0].read_bytes().replace(b'"epoch":"2', b'"epoch":"x', 1)
    file.write_bytes(data[: data.index(b'{"k":"end"')])
    code, _, err = lab("play", str(file))
    assert code == 3 and "epoch" in err


HOSTILE = "\x1b[2J\x9b31m\x07\u202egnp\u2066\u2028\ufeff"


def test_a_scenarios_name_in_a_file_commands_no_terminal(tmp_path: Path) -> None:
    head, *lines = RECORDING.read_bytes().splitlines(keepends=True)[:-1]
    name = json.dumps(HOSTILE).encode()
    head = re.sub(rb'"scenarios":\[\{"name":"[^"]*"', b'"scenarios":[{"name":' + name.replace(b"\\", b"\\\\"), head)
    lines = [re.sub(rb'"scenario":"[^"]*"', b'"scenario":' + name.replace(b"\\", b"\\\\"), line) for line in lines]
    assert name in head and any(name in line for line in lines)
    file = tmp_path / "x.rec.jsonl"
    file.write_bytes(b"".join((head, *lines)))
    code, printed, _ = lab("show", str(file), "--as", "cast", "--size", "100x30")
    first, *events = map(json.loads, printed.splitlines())
    assert code == 0 and first["title"].isprintable() and "gnp" in first["title"]
    sent = re.sub(r"\x1b\[[0-9;?]*[HJKlhm]", "", "".join(data for _, _, data in events))
    assert sent.isprintable() and "gnp" in sent


def test_what_a_strip_has_commands_no_terminal() -> None:
    strip = strip_of(row(HOSTILE, (HOSTILE, "dim")), Styles(COLOURS["stage-dark"]), 60)
    assert strip.text.isprintable() and strip.cell_length == 60 and "gnp" in strip.text
