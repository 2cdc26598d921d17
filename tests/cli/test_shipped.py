"""Each shipped scenario shows its one thing, and reads well as lines."""

import json
import re
from collections.abc import Callable
from functools import cache
from io import StringIO
from itertools import groupby, pairwise
from typing import cast

from lab.cli.console import Console
from lab.cli.main import run_command
from lab.recording.format.lines import Res
from lab.recording.format.reader import read
from lab.recording.format.text import dumps
from tests.conftest import ROOT, each_row

Lines = list[str]
Outcomes = list[dict[str, object]]


def output_of(*argv: str) -> str:
    out = StringIO()
    run_command(["run", *argv, "--scenarios", str(ROOT / "scenarios"), "--speed", "instant"], Console(out, StringIO()))
    return out.getvalue()


@cache
def transcript(name: str) -> Lines:
    return output_of(name).splitlines()


def outcomes(name: str) -> Outcomes:
    return [cast("dict[str, object]", json.loads(line)) for line in output_of(name, "--json").splitlines()]


def words(name: str) -> Lines:
    """The words of the timeline, repeats left out."""
    found = (re.match(r"(?:\d+:)?\d\d:\d\d(?:\.\d)? (\S+)", line) for line in transcript(name))
    return [word for word, _ in groupby(match[1] for match in found if match)]


BEGIN = ["TOKEN", "INVOKE", "RUNNING"]
ENDS = {
    "anomaly-flag": [*BEGIN, "WAITING", "RUNNING", "COMPLETE"],
    "bad-line": [
        "TOKEN", "INVOKE", "LOST", "WAIT", "RUNNING", "LOST", "WAIT", "RUNNING", "LOST", "WAIT", "RUNNING", "LOST",
        "WAIT", "COMPLETE", "MESSAGE", "LOST", "STOPPED",
    ],
    "broken-tool": [*BEGIN, "ERROR"],
    "contract-redraft": [*BEGIN, *["WAITING", "DECIDED", "RUNNING"] * 3, "COMPLETE"],
    "heavy-load": [*BEGIN, "COMPLETE", *["MESSAGE", "INVOKE", "RUNNING", "COMPLETE"] * 5],
    "invoice-analysis": [*BEGIN, "COMPLETE"],
    "item-comparison": [*BEGIN, "WAITING", "DECIDED", "RUNNING", "COMPLETE"],
    "month-end-marathon": [
        *BEGIN, "WAITING", *["TOKEN", "WAITING"] * 5, "DECIDED", "COMPLETE", "MESSAGE", "INVOKE", "RUNNING", "COMPLETE",
    ],
    "nobody-home": [*BEGIN, "WAITING", "EXPIRED", "ERROR"],
    "rejected-discount": [*BEGIN, "WAITING", "DECIDED", "COMPLETE"],
    "rush-hour": [
        "TOKEN", "INVOKE", "WAIT", "INVOKE", "RUNNING", "REFUSED", "WAIT", "RUNNING", "REFUSED", "WAIT", "REFUSED",
        "WAIT", "RUNNING", "REFUSED", "WAIT", "COMPLETE",
    ],
    "supplier-onboarding": [
        *BEGIN, "WAITING", "DECIDED", "RUNNING", "WAITING", "VOTED", "WAITING", "DECIDED", "RUNNING", "COMPLETE",
    ],
    "three-turns": [*BEGIN, "COMPLETE", *["MESSAGE", "INVOKE", "RUNNING", "COMPLETE"] * 2],
    "tomorrow-s-status": [*BEGIN, "QUEUED_V2", "RUNNING", "COMPLETE"],
    "wrong-badge": ["TOKEN", "INVOKE", "STOPPED"],
}  # fmt: skip
"""How each goes, told by the words of its timeline."""


@each_row("name", sorted(path.stem for path in (ROOT / "scenarios").glob("*.yaml")))
def test_each_goes_as_its_title_says_and_reads_well(name: str) -> None:
    assert words(name) == ENDS[name]
    lines = transcript(name)
    assert lines[0].startswith("# ")
    assert len(lines) < 320
    assert all(line == line.rstrip() or line == "# " for line in lines)
    assert all(line.isprintable() for line in lines)
    said = [line for line in lines if line.startswith("# ")]
    assert all(one != other or one == "# " for one, other in pairwise(lines) if one in said)


def polls(name: str) -> Lines:
    return [line for line in transcript(name) if " poll " in line]


@each_row(("name", "seconds"), [(name, 62) for name in ENDS if name != "month-end-marathon"])
def test_each_fits_a_room(name: str, seconds: int) -> None:
    took = [cast("int", outcome["elapsed_ms"]) for outcome in outcomes(name)]
    assert sum(took) + 4_000 * (len(took) - 1) < seconds * 1000


def test_a_bad_line_spoils_polls_in_four_ways_and_loses_one_acknowledgement() -> None:
    assert [line.split()[-1] for line in transcript("bad-line") if " LOST " in line] == [
        "reset", "garbled", "garbled", "timeout", "reset",
    ]  # fmt: skip
    first, second = outcomes("bad-line")
    assert first["status"] == "COMPLETE"
    assert second["jobId"] is None
    assert "could double it" in cast("str", second["why"])


def test_a_broken_tool_leaves_half_an_answer_and_the_upstream_code() -> None:
    (outcome,) = outcomes("broken-tool")
    assert outcome["status"] == "ERROR"
    assert "503 Service Unavailable" in cast("str", outcome["error"])
    assert "| HAM |" in cast("str", outcome["output"])


def test_a_marathon_needs_new_tokens_and_keeps_job_and_conversation() -> None:
    first, second = outcomes("month-end-marathon")
    assert cast("int", first["elapsed_ms"]) > 63 * 3_600_000
    assert first["conversationId"] == second["conversationId"]
    assert first["jobId"] != second["jobId"]
    assert len({line for line in transcript("month-end-marathon") if " INVOKE " in line}) == 2


def test_rush_hour_refuses_with_and_without_retry_after_and_is_slow() -> None:
    waits = [line.split(maxsplit=2)[2] for line in transcript("rush-hour") if " WAIT " in line]
    assert [wait.split()[0] for wait in waits] == ["Retry-After", "Retry-After", "next", "next", "Retry-After"]
    assert [line.split()[4] for line in polls("rush-hour")].count("429") == 3
    assert sum("  40" in line or "  41" in line for line in polls("rush-hour")) == 2


@each_row("name", ["rush-hour", "bad-line", "month-end-marathon"])
def test_polls_are_counted_alike_whatever_became_of_them(name: str) -> None:
    lines = transcript(name)
    ended = [at for at, line in enumerate(lines) if line.endswith((" polls", " poll"))]
    assert [lines[at].split()[-2] for at in ended] == [str(outcome["polls"]) for outcome in outcomes(name)]
    first = [line for line in lines[: ended[0]] if " poll " in line and not line.startswith("# ")]
    assert lines[ended[0]].split()[-2] == first[-1].split()[3] == str(len(first))


def test_onboarding_asks_outside_the_api_twice() -> None:
    lines = [line for line in transcript("supplier-onboarding") if "outside the API, the app" in line]
    assert [line.split(":")[0] for line in lines] == ["# EMAIL", "# APPROVAL_PROCESS"]
    recorded = (ROOT / "recordings" / "supplier-onboarding.rec.jsonl").read_text("utf-8")
    assert re.findall(r'"verdict":"approved","by":"script","name":"(\w+)"', recorded) == [
        "treasury", "procurement", "finance",
    ]  # fmt: skip


def test_three_turns_are_three_jobs_of_one_conversation() -> None:
    results = outcomes("three-turns")
    assert len({outcome["jobId"] for outcome in results}) == 3
    assert len({outcome["conversationId"] for outcome in results}) == 1


def test_tomorrow_has_members_that_nobody_documented() -> None:
    recorded = read((ROOT / "recordings" / "tomorrow-s-status.rec.jsonl").read_bytes())
    answers = [dumps(line.body.value) for line in recorded.of(Res)]
    assert sum('"engineRelease"' in answer for answer in answers) == 2
    assert sum('"status":"QUEUED_V2"' in answer for answer in answers) == 4


def test_a_wrong_badge_gets_no_job() -> None:
    (outcome,) = outcomes("wrong-badge")
    assert outcome["jobId"] is None
    assert outcome["why"] == "HTTP 403: FAI-40300 · user can not execute this workflow."


def controls(text: str) -> bool:
    return {"\0", "\a", "\x1b", "\x7f"} <= set(text)


OUTPUTS: list[Callable[[str], bool]] = [
    lambda text: len(text.encode()) == 5_000_000,
    controls,
    lambda text: "\u202e" in text and "فاتورة" in text,
    lambda text: "🎉" in text and "\u200d" in text,
]


def test_a_heavy_load_is_six_outputs() -> None:
    outputs = [outcome["output"] for outcome in outcomes("heavy-load")]
    assert outputs[:2] == [None, ""]
    assert all(fits(cast("str", text)) for fits, text in zip(OUTPUTS, outputs[2:], strict=True))
