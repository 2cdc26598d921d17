"""openai as a client of Responses in the background: `openai_responses.py FLOW MODEL`; MODEL is the team's code.

`block` needs a clock that goes by itself; the others go with any. `strict` is `poll` with a client that validates answers.
"""

import json
import os
import sys
from typing import Any

from openai import APIStatusError, OpenAI

WORKING = ("queued", "in_progress")


def tell(**found: Any) -> None:
    print(json.dumps(found), flush=True)


def pause(seconds: float) -> None:
    tell(pause=seconds)
    sys.stdin.readline()


def plain(value: Any) -> Any:
    return value.model_dump(mode="json", exclude_unset=True, warnings=False)


class Judge:
    def __init__(self, flow: str, model: str) -> None:
        self.flow, self.model = flow, model
        self.client = OpenAI(
            base_url=f"{os.environ['LAB_ORIGIN']}/v1", api_key=os.environ["LAB_TOKEN"],
            _strict_response_validation=flow == "strict",
        )  # fmt: skip

    def create(self, input: Any, **more: Any) -> Any:
        return self.client.responses.create(model=self.model, input=input, background=True, store=True, **more)

    def look(self, id: str) -> Any:
        found = self.client.responses.retrieve(id)
        tell(event="look", status=found.status, response=plain(found))
        return found

    def settled(self, id: str) -> Any:
        for _ in range(100):
            found = self.look(id)
            if found.status not in WORKING:
                break
            pause(0.5)
        tell(event="end", status=found.status, text=found.output_text)
        return found

    def send(self, input: Any, **more: Any) -> Any:
        begun = self.create(input, **more)
        tell(event="response", status=begun.status, response=plain(begun))
        return self.settled(begun.id)

    def answer(self, waiting: Any, approve: bool, **more: Any) -> Any:
        """The gate's answer is a response of its own, after the one that waiting."""
        [request] = [each for each in waiting.output if each.type == "mcp_approval_request"]
        given = {"type": "mcp_approval_response", "approval_request_id": request.id, "approve": approve}
        return [given | ({} if approve else {"reason": "Too early"})], {"previous_response_id": waiting.id, **more}

    def poll(self) -> None:
        """A gate approved; a follow-up, whose gate is rejected; what waiting stays as it ended."""
        waiting = self.send("x")
        answer, after = self.answer(waiting, approve=True)
        done = self.send(answer, **after)
        self.look(waiting.id)
        again = self.send("and?", previous_response_id=done.id)
        answer, after = self.answer(again, approve=False)
        self.send(answer, **after)

    strict = poll

    def follow(self, events: Any, most: int = 1_000) -> tuple[Any, int]:
        response, number = None, -1
        for event in events:
            number = event.sequence_number
            tell(event=event.type, number=number, data=plain(event))
            response = getattr(event, "response", response)
            if event.type in ("response.created", "response.in_progress"):
                pause(2)
            most -= 1
            if not most:
                events.close()
                break
        return response, number

    def stream(self) -> None:
        """Two events, the rest from where it was left, an answer as a stream to its end."""
        begun, number = self.follow(self.create("x", stream=True), most=2)
        waiting, _ = self.follow(self.client.responses.retrieve(begun.id, stream=True, starting_after=number))
        answer, after = self.answer(waiting, approve=True)
        self.follow(self.create(answer, stream=True, **after))

    def helper(self) -> None:
        """The stream as the SDK's own helper folds it, which is strict about order, and once more by id."""
        with self.client.responses.stream(model=self.model, input="x", background=True) as events:
            for event in events:
                tell(event=event.type, number=event.sequence_number)
                if event.type in ("response.created", "response.in_progress"):
                    pause(2)
            found = events.get_final_response()
        tell(event="end", status=found.status, response=plain(found))
        with self.client.responses.stream(response_id=found.id, starting_after=0) as events:
            for event in events:
                tell(event=event.type, number=event.sequence_number)

    def block(self) -> None:
        found = self.client.responses.create(model=self.model, input="x")
        tell(event="end", status=found.status, response=plain(found))

    def cancel(self) -> None:
        begun = self.create("x")
        cancelled = self.client.responses.cancel(begun.id)
        tell(event="cancel", status=cancelled.status, response=plain(cancelled))
        self.settled(begun.id)

    def refused(self) -> None:
        for call in (
            lambda: self.client.responses.retrieve("resp_nobodys"),
            lambda: self.client.responses.cancel("resp_nobodys"),
            lambda: self.client.responses.create(model="NO_SUCH_TEAM", input="x", background=True),
            lambda: self.create("x", previous_response_id="resp_nobodys"),
            lambda: OpenAI(base_url=self.client.base_url, api_key="none", max_retries=0).responses.retrieve("resp_x"),
        ):
            try:
                tell(event="done", response=plain(call()))
            except APIStatusError as error:
                tell(
                    event="refused",
                    status=error.status_code,
                    error=type(error).__name__,
                    code=error.code,
                    body=error.body,
                )

    def list(self) -> None:
        tell(event="list", models=[plain(each) for each in self.client.models.list()])


judge = Judge(*sys.argv[1:])
getattr(judge, judge.flow)()
