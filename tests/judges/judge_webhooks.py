"""The verifiers of Standard Webhooks and of openai, their clocks set to the instant at which each callback was sent."""

import json
import subprocess
from base64 import b64encode
from collections import Counter
from pathlib import Path

import pytest

from lab.core.exchange import Request
from lab.identity.clients import DEMO
from lab.jobs.callbacks import CallbackRegistered, CallbackSent
from tests.judges.apart import LIMIT, Environment
from tests.plugins.callbacks.test_recorded import Shop
from tests.plugins.callbacks.worlds import EPOCH, SECRET

PYTHON = Environment("webhooks", ("standardwebhooks>=1.1,<2", "openai>=3.57,<4"))
NODE = Environment("webhooks-node", ("standardwebhooks@^1.1.1",), node=True)
JUDGES = {
    "standardwebhooks": (PYTHON, "webhooks.py", ("standardwebhooks",)),
    "openai": (PYTHON, "webhooks.py", ("openai",)),
    "standardwebhooks of npm": (NODE, "webhooks.mjs", ()),
}
REFUSED = {"bad-signature", "old-timestamp", "truncated"}


class OfResponses(Shop):
    """The same of OpenAI's responses, to an endpoint of its API."""

    receiver = CallbackRegistered(
        at=0, receiver="one", wire="openai", url="http://127.0.0.1:1/", minted=SECRET, owner=DEMO.id,
        members={"event_types": ["response.completed"]},
    )  # fmt: skip

    def asks(self, bearer: str) -> Request:
        headers = (("authorization", f"Bearer {bearer}"), ("content-type", "application/json"))
        return Request("POST", "/v1/responses", "", headers, b'{"model":"TOLD","input":"go","background":true}')


@pytest.fixture(scope="module", params=[Shop, OfResponses])
def shop(request: pytest.FixtureRequest) -> Shop:
    found: Shop = request.param()
    found.run(300, 1_000_000)
    return found


@pytest.mark.parametrize("judge", JUDGES)
def test_each_good_one_is_taken_and_each_bad_one_refused(shop: Shop, judge: str, tmp_path: Path) -> None:
    sent: dict[tuple[str, int], CallbackSent] = {}
    for job in shop.service.jobs():
        derived = shop.service.derived(job, shop.clock.now())
        for each in derived.facts if derived is not None else ():
            if isinstance(each, CallbackSent):
                sent[each.callback, each.number] = each
    tries, posted, document = Counter[str](), list[CallbackSent](), []
    for _, headers, body in shop.posted:
        name = dict(headers)["webhook-id"]
        tries[name] += 1
        posted.append(sent[name, tries[name]])
        at = EPOCH * 1_000 + posted[-1].at
        document.append({"at": at, "headers": dict(headers), "body": b64encode(body).decode()})
    (tmp_path / "sent.json").write_text(json.dumps(document))
    environment, client, options = JUDGES[judge]
    command = [*environment.command(client), *options, str(tmp_path / "sent.json"), SECRET]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=True)
    refused = [json.loads(line)["why"] for line in done.stdout.splitlines()]
    assert len(refused) == len(posted) > 600
    found: dict[str, set[bool]] = {}
    for each, why in zip(posted, refused, strict=True):
        found.setdefault(each.fault or "good", set()).add(not why)
    kinds = {"good", "late", "twice", "reordered", "other-job", *REFUSED}
    assert found == {kind: {kind not in REFUSED} for kind in kinds}
