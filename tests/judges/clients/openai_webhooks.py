"""openai as a client with webhook endpoints: `openai_webhooks.py FLOW MODEL`; MODEL is the team's code.

`receive` verifies what comes by `client.webhooks.unwrap`, its clock set to the lab's, and answers 400 to what is refused.
"""

import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from openai import APIStatusError, InvalidWebhookSignatureError, OpenAI

SLOW = 0.5


def tell(**found: Any) -> None:
    print(json.dumps(found), flush=True)


def plain(value: Any) -> Any:
    return value.model_dump(mode="json", exclude_unset=True, warnings=False)


class Judge:
    def __init__(self, flow: str, model: str) -> None:
        self.flow, self.model, self.now = flow, model, 0.0
        self.client = OpenAI(
            base_url=f"{os.environ['LAB_ORIGIN']}/v1", api_key=os.environ["LAB_TOKEN"], max_retries=0,
            _strict_response_validation=True,
        )  # fmt: skip

    def pause(self, seconds: float) -> None:
        tell(pause=seconds)
        sys.stdin.readline()
        self.now += seconds

    def create(self, name: str, url: str = "http://127.0.0.1:9/hook", **more: Any) -> Any:
        return self.client.webhooks.create(name=name, url=url, event_types=["response.completed"], **more)

    def manage(self) -> None:
        """All that the library can ask of endpoints."""
        hooks = self.client.webhooks
        own = [self.create(str(number)) for number in range(3)]
        tell(event="created", endpoints=[plain(each) for each in own])
        tell(event="types", types=plain(hooks.event_types.list()))
        pages = list(hooks.list(limit=2).iter_pages())
        tell(event="pages", pages=[[each.id for each in page.data] for page in pages])
        self.pause(2)
        tell(event="updated", endpoint=plain(hooks.update(own[0].id, name="new", event_types=["response.failed"])))
        tell(event="rotated", endpoint=plain(hooks.rotate_secret(own[0].id)))
        tell(event="retrieved", endpoint=plain(hooks.retrieve(own[0].id)))
        tell(event="deleted", endpoint=plain(hooks.delete(own[0].id)))
        tell(event="left", ids=[each.id for each in hooks.list()])
        for call in (
            lambda: hooks.retrieve(own[0].id),
            lambda: hooks.update(own[0].id, name="x"),
            lambda: self.create("x", url="https://example.com/hook"),
            lambda: self.create("x", url="hook"),
            lambda: hooks.update(own[1].id, event_types=["response.done"]),  # type: ignore[list-item]
            lambda: hooks.rotate_secret(own[1].id, keep_old_secret_active_for_24_hours=True),
            lambda: hooks.test(own[1].id, event_type="response.completed"),
        ):
            try:
                tell(event="done", what=plain(call()))
            except APIStatusError as error:
                tell(event="refused", status=error.status_code, param=error.param, message=error.message)

    def receive(self) -> None:
        """A response to its gate and the one behind it, each told by a webhook; what comes is verified as it comes."""
        judge, came = self, list[dict[str, Any]]()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                try:
                    event = plain(judge.client.webhooks.unwrap(body, dict(self.headers.items()), secret=judge.secret))
                    came.append({"status": 200, "name": self.headers["webhook-id"], "event": event})
                except InvalidWebhookSignatureError:
                    came.append({"status": 400, "name": self.headers["webhook-id"], "event": None})
                self.send_response(came[-1]["status"])
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        endpoint = self.create("mine", url=f"http://127.0.0.1:{server.server_port}/hook")
        self.secret, self.now = endpoint.signing_secret, float(endpoint.created_at)
        time.time = lambda: judge.now  # type: ignore[method-assign]
        first = self.client.responses.create(model=self.model, input="x", background=True)
        for _ in range(12):
            self.pause(SLOW * 2)
        [question] = self.client.responses.retrieve(first.id).output
        answer: Any = {"type": "mcp_approval_response", "approval_request_id": question.id, "approve": True}
        second = self.client.responses.create(
            model=self.model, input=[answer], background=True, previous_response_id=first.id
        )
        for _ in range(300):
            self.pause(SLOW * 6)
        for each in came:
            tell(**each)
        tell(responses=[first.id, second.id], secret=self.secret)


judge = Judge(*sys.argv[1:])
getattr(judge, judge.flow)()
