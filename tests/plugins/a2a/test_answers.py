"""Answers to gates over A2A, among those over the other wire: transcripts tell all of them alike."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lab.core.exchange import Request
from lab.dialects.router import ROUTER
from tests.cli import test_answers as answers_of
from tests.cli.test_answers import VOTES, WAYS, Said, assert_one_story, assert_same_decisions, said_by
from tests.conftest import examples
from tests.wire_peer import invoke


class Client(answers_of.Client):
    """One that speaks A2A too."""

    def answer(self, way: str, word: str) -> dict[str, str]:
        if way != "a2a":
            return super().answer(way, word)
        message = {"kind": "message", "messageId": f"m{self.now}{word}", "role": "user",
                   "parts": [{"kind": "text", "text": word}], "contextId": self.thread}  # fmt: skip
        call = {"jsonrpc": "2.0", "id": 1, "method": "message/send", "params": {"message": message}}
        plain = invoke(self.bearer, call)
        return self.send(Request("POST", ROUTER.path("a2a", code="EXPENSES"), "", plain.headers, plain.body))


def test_an_answer_and_the_quorum_behind_it_are_one_story(tmp_path: Path) -> None:
    assert_one_story(tmp_path, Client(), "a2a")


@examples(12, thorough=200)
@given(answers=said_by((*WAYS, "a2a")), votes=VOTES, renamed=st.booleans())
@example(  # the last approval is sent while no poll has told of the opening that it meets
    answers=[
        ("conversation", "approve", True, 2000),
        ("a2a", "approve", True, 0),
        ("conversation", "approve", False, 0),
    ],
    votes=[],
    renamed=False,
)
def test_play_and_show_tell_the_same_decisions(
    tmp_path_factory: pytest.TempPathFactory, answers: Said, votes: list[str], renamed: bool
) -> None:
    client = Client(**({"resume_job_id": "new"} if renamed else {}))
    assert_same_decisions(tmp_path_factory.mktemp("told"), client, answers, votes)
