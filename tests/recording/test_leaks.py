"""Words of high entropy: refused where nothing tells what they are, and nowhere else."""

import json
from base64 import b64encode
from pathlib import Path

from lab.identity.clients import DEMO
from lab.recording.redaction.leaks import FEWEST_TURNS, LEAST_BITS, SHORTEST_RANDOM, is_random, leaks
from tests.conftest import ROOT, each_row

WORD = "q7Jw2xN0bT5zK9fV3mRd"
RECORDINGS = [
    path
    for folder in ("tests/corpus", "tests/golden", "tests/tui")
    for path in sorted((ROOT / folder).rglob("*.rec.jsonl"))
]


def line(kind: str = "req", **members: object) -> bytes:
    return json.dumps({"k": kind, "n": 1, "t": 0, **members}, ensure_ascii=False).encode() + b"\n"


@each_row("path", RECORDINGS, ids=lambda path: path.name)
def test_of_what_tests_hold_nothing_is_refused(path: Path) -> None:
    assert list(leaks(path.read_bytes(), ((DEMO.id, DEMO.secret),))) == []


@each_row(
    ("said", "place"),
    [
        (line(u=f"/x/{WORD}/y"), "u"),
        (line(u=f"/?a=1&note={WORD}"), "u.note"),
        (line(h=[["user-agent", f"me ({WORD})"]]), "h.user-agent"),
        (line(body=f"see {WORD}."), "body"),
        (line(body={"a": [{"b": f"see {WORD}"}]}), "body.a.b"),
        (line(body={WORD: 1}), "body"),
        (line(body={f"{WORD}\x1b[": {"b": WORD[::-1]}, "c": WORD}, h=[["x-id", WORD]]), "body.…….b"),
        (line("res", body=[["x", f"apiKey: {WORD}"]]), "body.x"),
        (line("res", body=f"sessionId: '{WORD}'"), "body"),
        (line(body=f"{WORD}") + line("fact", fact={"input": {"message": WORD}}), "body"),
        (line(body=f"{WORD}") + line("fact", fact={"note": f"see {WORD}"}), "body"),
        (line(body=f"lab-S1-secret {WORD}"), "body"),
        (line(enc="b64", body=b64encode(b"\xff" + WORD.encode()).decode()), "body"),
    ],
)
def test_a_random_word_that_nothing_places_is_told_with_its_place(said: bytes, place: str) -> None:
    (leak,) = leaks(line("header") + said)
    assert (leak.line, leak.what) == (2, f"a word of 20 characters in {place} that may be a secret")


@each_row(
    "said",
    [
        line(raw=WORD, sha256=WORD),
        line(body=WORD) + line("fact", fact={"job": WORD}),
        line(body=WORD, facts=[{"type": "x", "job": WORD}]),
        line(body=f"see {WORD}") + line("res", body={"jobId": WORD}),
        line(u=f"/x/{WORD}") + line("res", h=[["x-request-id", WORD]]),
        line("res", h=[["etag", f'W/"{WORD}"']]),
        line("res", h=[["content-type", f"multipart/form-data; boundary={WORD}"]]),
        line("res", body=f'data: {{"id": "{WORD}"}}\n\n'),
        line("res", body={"input": json.dumps({"conversationId": WORD})}),
        line(u=f"/?code_challenge={WORD}&state={WORD[::-1]}"),
        line("res", body={"keys": [{"kty": "RSA", "n": WORD, "x5t#S256": f"{WORD}-{WORD}"}]}),
        line("res", body=json.dumps({"input": json.dumps({"conversationId": WORD})})[:-9]),
        line(u=f"/api/fusion-ai/orchestrator/agent/v2/TEAM/status/{WORD}") + line("res", body=f"No job {WORD}"),
        line(body=WORD[1:]),
        line(body="lab-S1-secret-xxxxxxxxxxxxxxxxxxxx"),
        line(enc="b64", body=b64encode("\xfflab-C1-client and lab-H1-host.invalid".encode()).decode()),
    ],
)
def test_one_that_a_fact_a_member_or_a_header_places_is_not(said: bytes) -> None:
    assert list(leaks(line("header") + said)) == []


@each_row("said", [b"[" * 5000, b"[" * 900 + b"]" * 900, b'{"k":"req","body":' + b"[" * 300 + b"]" * 300 + b"}"])
def test_what_nests_deep_is_looked_at_as_a_text(said: bytes) -> None:
    assert list(leaks(said)) == []
    assert [each.line for each in leaks(said + b"\npassword=x")] == [2]


def test_words_that_people_make_up_are_not_random() -> None:
    assert (SHORTEST_RANDOM, LEAST_BITS, FEWEST_TURNS) == (20, 64, 4)
    for word in (
        "purchase-order-for-march-2026", "SUPPLIER_ONBOARD_TEAM", "maxIterationMessage", "300000787524795300000787524795",
        "a1a1a1a1a1a1a1a1a1a1a1", "INV-204817-and-PO-12888-of-acme"[:20],
    ):  # fmt: skip
        assert not is_random(word), word
    for word in ("0d6e48e0c885aebcf203", "sk-proj-4fJ0aQ9x2LmZ7bTnVu81", "9def9c68-3319-4c97-abee-6fa3e58492b7", WORD):
        assert is_random(word), word


@each_row("name", ["password", "settings", "judged", "of_another_version"])
def test_what_no_reader_knows_is_looked_at_too(name: str) -> None:
    said = line(**{name: {"password": "hunter2-hunter2"}})
    assert [each.line for each in leaks(line("header") + said)] == [2]


@each_row("written", ["lab-W1-wrong", "lab-W1-wrong%FF", "lab-W1-wrong-xxx!", "lab-S1-secret\xe9", "LABU1CODE", "%FF"])
def test_what_redaction_leaves_under_the_name_of_a_secret_is_none(written: str) -> None:
    form = [["content-type", "application/x-www-form-urlencoded"]]
    for each in (line(h=form, enc="text", body=f"client_secret={written}"), line(u=f"/?token={written}&x=1")):
        assert list(leaks(line("header") + each)) == []
    for each in (line(h=form, enc="text", body=f"client_secret={written}x1"), line(u=f"/?token={written}x1")):
        assert len(list(leaks(line("header") + each))) == 1
