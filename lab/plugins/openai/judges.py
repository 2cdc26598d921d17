"""Judges of what is claimed of OpenAI's API (openai.md)."""

from collections.abc import Iterator
from functools import partial

from lab.core.evidence import ClaimJudge, Judges, PodTraffic, Sign, countable, sign_of
from lab.core.exchange import Json, text_of
from lab.plugins.openai.routes import ANSWERS, ASKS


def judge_answers(traffic: PodTraffic, *, by_text: bool) -> Iterator[Sign]:
    """Where an approval is asked for a text is refused in its place, and a second answer too."""
    asking, answered = set[Json](), set[Json]()
    for call in traffic.of("openai", "openai-response"):
        previous, text = countable(call.sent.get("previous_response_id")), ANSWERS not in text_of(dict(call.sent))
        if previous in (asking if by_text else answered) and text is by_text:
            what = "a text in an approval's place" if by_text else "a second answer"
            yield sign_of(call, call.status == 400, f"{what} is answered with {call.status}")
        asking |= {countable(call.object.get("id"))} if ASKS in text_of(call.body) else set()
        answered |= {previous} if call.good and not text else set()


OPENAI_JUDGES: Judges = {
    ("OpenAI request", "mcp_approval_response"): ClaimJudge(
        partial(judge_answers, by_text=True), "a text at an approval"
    ),
    ("errors", "400 for 409"): ClaimJudge(partial(judge_answers, by_text=False), "two answers to an approval request"),
}
