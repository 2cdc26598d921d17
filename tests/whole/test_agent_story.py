"""A coding agent that has never seen the lab tries a client with three mistakes: its frames, recorded, are played again.

`agent_story/task.txt` is what it was told, `client.py` what it was to try, `frames.jsonl` what went over stdin and stdout, and
what its shell did in between: lines of `agent`, `lab`, `shell`, and `printed`. Ids of jobs follow from the seed, so what the
agent said of them is said again as it stands. With LAB_GOLDEN=write the answers of today are kept.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from tests.forked import ForkedLab, forked_lab

STORY = Path(__file__).with_name("agent_story")
FRAMES, CLIENT = STORY / "frames.jsonl", STORY / "client.py"
MOST_CALLS, MOST_LINES = 12, 60
MISTAKES = {"B4", "C1", "C6"}
"""It sends a message again whose reply was lost, heeds no Retry-After, and leaves no second between polls."""
_MASKS = (
    (re.escape(str(ROOT)), "ROOT"), (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"), (r"(control token +)\S+", r"\1TOKEN"),
)  # fmt: skip
"""What another start has other values for."""


def kept(line: str) -> str:
    """A frame as it is kept."""
    for pattern, mask in _MASKS:
        line = re.sub(pattern, mask, line)
    return line


def answer_in(frame: dict[str, Any]) -> str | None:
    """The text of a tool's answer."""
    content = frame.get("result", {}).get("content")
    return None if content is None else str(content[0]["text"])


def essence(frame: dict[str, Any]) -> object:
    """What must be the same each time; pages are edited, and a machine decides when things happen, how often a client polls."""
    text, result = answer_in(frame), frame["result"]
    if text is None:
        return [each["name"] for each in result["tools"]] if "tools" in result else result["protocolVersion"]
    lines = re.sub(r"polls: \d+", "polls: N", re.sub(r"\+\d\d:\d\d\.\d{3}", "+TIME", text)).splitlines()
    if lines[0].startswith("$ lab report"):
        return [line for line in lines if re.search(r"^FAIL .*\((critical|major)\)$", line)]
    if lines[0].startswith("# "):
        return lines[0]
    if lines[0].startswith("all: "):
        return [line for line in lines if not re.match("all: |job ", line)][:4]
    return lines


class Shell:
    """That of the agent, which knows what `serve` has answered."""

    def __init__(self) -> None:
        self._client: subprocess.Popen[str] | None = None
        self.served: dict[str, str] = {}

    def heard(self, text: str) -> None:
        for line in text.splitlines():
            name, value = line[2:16].strip(), line[17:]
            if re.fullmatch("base url|token url|client id|client secret|scope", name):
                self.served[name.upper().replace(" ", "_")] = value

    def run(self, command: str) -> None:
        self._client = subprocess.Popen(
            command, shell=True, cwd=STORY, env={**os.environ, **self.served}, text=True, stdout=subprocess.PIPE
        )

    def printed(self, lines: int, *, over: bool) -> dict[str, Any]:
        """So many lines of what it printed, and its exit code if it is over."""
        assert self._client is not None and self._client.stdout is not None
        text = "\n".join(self._client.stdout.readline().rstrip("\n") for _ in range(lines))
        if not over:
            return {"printed": text}
        with self._client as client:
            return {"printed": text, "exit": client.wait(20)}


@contextmanager
def hosted(folder: Path) -> Iterator[tuple[ForkedLab, int]]:
    stdin, end = os.pipe()
    with forked_lab("mcp", cwd=folder, stdin=stdin) as process:
        yield process, end
        os.close(end)
        assert process.wait(5) == 0


def again(rows: list[dict[str, Any]], folder: Path) -> Iterator[dict[str, Any]]:
    """The rows as they come today, to the same frames and commands of the agent."""
    shell = Shell()
    with hosted(folder) as (lab, stdin):
        for row in rows:
            match row:
                case {"agent": frame}:
                    os.write(stdin, json.dumps(frame).encode() + b"\n")
                    yield row
                case {"lab": _}:
                    line = lab.stdout.readline()
                    shell.heard(answer_in(json.loads(line)) or "")
                    yield {"lab": json.loads(kept(line))}
                case {"shell": command}:
                    shell.run(command)
                    yield row
                case _:
                    yield shell.printed(len(row["printed"].splitlines()), over="exit" in row)


def test_a_fresh_agent_comes_to_the_verdict_in_twelve_calls(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in FRAMES.read_text("utf-8").splitlines()]
    calls = [row["agent"]["params"] for row in rows if row.get("agent", {}).get("method") == "tools/call"]
    assert {"serve", "break", "decide", "report"} <= {call["name"] for call in calls} and len(calls) <= MOST_CALLS
    assert (
        len(CLIENT.read_text().splitlines()) <= MOST_LINES
        and "at most twelve calls" in (STORY / "task.txt").read_text()
    )
    today = list(again(rows, tmp_path))
    if os.environ.get("LAB_GOLDEN") == "write":
        lines = (json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in today)
        FRAMES.write_text("".join(lines), "utf-8")
        rows = today
    for before, now in zip(rows, today, strict=True):
        if "lab" in before:
            assert essence(now["lab"]) == essence(before["lab"])
        else:
            assert now == before
    (verdict,) = (essence(row["lab"]) for row in today if "$ lab report" in (answer_in(row.get("lab", {})) or ""))
    assert isinstance(verdict, list) and {line.split()[1] for line in verdict} == MISTAKES
