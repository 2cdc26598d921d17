"""`lab learn` of recordings: a learned scenario, run and recorded again, gives a session that matches."""

from pathlib import Path

import pytest

from lab.files.recordings import read_recording
from lab.plugins.learn.reading import observed_in
from lab.plugins.learn.story import own_story
from tests.conftest import ROOT, UNLIKE, Lab, few_of
from tests.plugins.learn.observed import canonical, changes, complaints_of, story_in, undated

SHIPPED = sorted(path.name.removesuffix(".rec.jsonl") for path in (ROOT / "recordings").glob("*.rec.jsonl"))
WITHOUT_POLLS = ("wrong-badge",)
"""Its message is refused, so there is no job."""


def learned(lab: Lab, source: Path | str, name: str) -> Path:
    """The scenario that was learned, in a file."""
    done = lab("learn", source, "--name", name)
    assert done.code == 0, done.err
    path = lab.folder / f"{name}.yaml"
    path.write_text(done.out, "utf-8")
    assert complaints_of(path) == []
    assert "a secret" not in done.err
    return path


def test_these_are_learned() -> None:
    assert set(WITHOUT_POLLS) < set(SHIPPED)


@pytest.mark.parametrize("name", few_of((each for each in SHIPPED if each not in WITHOUT_POLLS), UNLIKE))
def test_a_learned_scenario_gives_the_same_session(lab: Lab, name: str) -> None:
    source = ROOT / "recordings" / f"{name}.rec.jsonl"
    path = learned(lab, source, name)
    done = lab("run", path, "--speed", "instant", "--record", "again", "--json")
    assert done.code == 0, done.out
    before, after = story_in(source), story_in(lab.folder / "recordings" / "again.rec.jsonl")
    assert canonical(after) == canonical(before)
    for old, new in zip(changes(before), changes(after), strict=True):
        # the gap between two polls in which a status changed is the other's too
        assert all(low < high_2 and low_2 < high for (low, high), (low_2, high_2) in zip(old[1:], new[1:], strict=True))
    assert undated(lab("learn", "again", "--name", name).out) == undated(path.read_text("utf-8"))


@pytest.mark.parametrize("name", WITHOUT_POLLS)
def test_a_file_without_a_poll_is_wrong_usage_and_says_so(lab: Lab, name: str) -> None:
    done = lab("learn", ROOT / "recordings" / f"{name}.rec.jsonl")
    assert (done.code, done.out) == (2, "")
    assert "holds no poll" in done.err


def test_learning_again_from_what_was_learned_comes_to_rest(lab: Lab) -> None:
    path = learned(lab, ROOT / "recordings" / "contract-redraft.rec.jsonl", "contract-redraft")
    texts = [path.read_text("utf-8")]
    for number in range(2):
        assert lab("run", path, "--speed", "instant", "--record", f"again-{number}").code == 0
        path = learned(lab, f"again-{number}", "contract-redraft")
        texts.append(path.read_text("utf-8"))
    steps = [
        [
            line.split("#")[0]
            for line in text.partition("steps:")[2].splitlines()
            if "takes" not in line and "after" not in line
        ]
        for text in texts
    ]
    assert steps[1] == steps[2]


def test_the_text_reads_like_one_that_a_person_wrote(lab: Lab) -> None:
    text = lab("learn", ROOT / "recordings" / "rush-hour.rec.jsonl").out
    lines = text.splitlines()
    assert lines[0].startswith("# yaml-language-server: $schema=lab.schema.json")
    assert "  - {route: status, calls: 8, answer: 503, retry_after: {date: 4s}}" in lines
    assert '  - {route: status, calls: "4-5", answer: 429}' in lines
    assert "latency: {token: 140ms, invoke: 154ms, status: {between: [75ms, 114ms]}}" in lines
    assert any(line.startswith("    takes: 19s700ms  # 7s600ms to 19s700ms: 2 polls") for line in lines)
    assert max(map(len, lines)) <= 130


def test_where_changes_would_lead_is_a_comment(lab: Lab) -> None:
    text = lab("learn", ROOT / "recordings" / "item-comparison.rec.jsonl").out
    verdicts = "verdicts: {changes-requested: looking-up-supplier-agreements}"
    assert f"{verdicts}  # not observed: where changes lead" in text


def test_what_nobody_saw_is_a_comment(lab: Lab) -> None:
    text = lab("learn", ROOT / "recordings" / "bad-line.rec.jsonl").out
    assert "complete: not-observed  # not observed: no poll showed the job" in text
    assert "{route: invoke, calls: 2, lose_reply: true}" in text


@pytest.mark.parametrize("name", ["Refund", "a b", "-x", "x" * 81])
def test_a_name_that_names_no_scenario_is_refused(lab: Lab, name: str) -> None:
    assert lab("learn", ROOT / "recordings" / "rush-hour.rec.jsonl", f"--name={name}").code == 2


def test_of_several_conversations_the_first_is_learned_and_the_others_are_named() -> None:
    one, other = (
        read_recording(ROOT / "recordings" / f"{name}.rec.jsonl") for name in ("item-comparison", "invoice-analysis")
    )
    story = own_story([call for data in (one, other) for call in observed_in(data, "a").calls])
    assert story is not None and len(story.turns) == 1
    assert [note[:54] for note in story.notes] == ["Jobs of other conversations, left out: Analyse invoice"]


def test_what_is_learnt_goes_over_no_scenario_of_that_name(lab: Lab) -> None:
    day = lab.folder / "day.rec.jsonl"
    day.write_bytes((ROOT / "recordings" / "item-comparison.rec.jsonl").read_bytes())
    assert "keep it as scenarios/day.yaml" in lab("learn", day).err
    (lab.folder / "scenarios").unlink()  # which leads to those of the repository
    (lab.folder / "scenarios").mkdir()
    kept = lab.folder / "scenarios" / "day.yaml"
    for text, said in (
        ("", "keep it as scenarios/day.yaml"),
        ("lab: 1", "scenarios/day.yaml is there already: --name NAME"),
    ):
        kept.write_text(text)
        assert said in lab("learn", day).err
