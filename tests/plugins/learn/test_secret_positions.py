"""Secrets in every position of a call: none in a scenario that was learnt of them."""

import json
from pathlib import Path

import pytest
import yaml

from lab.core.exchange import Headers
from tests.cli.test_secret_positions import Said, all_said, leaked, recorded_day
from tests.conftest import Lab
from tests.recording.test_captured import POD

SAID = (
    "--status=status", "--words=RUNNING=queued", "--words=COMPLETE=succeeded", "--at=ask=prompt", "--at=says=message",
    "--at=output=output",
)  # fmt: skip
"""What has the job learned."""


@pytest.mark.long
def test_no_secret_is_learnt_from_a_recorded_pod_whatever_its_position(lab: Lab) -> None:
    recorded_day(lab)
    learned = lab("learn", "day", "--name", "learned", *SAID)
    assert "Done" in learned.out
    assert leaked(learned.out + learned.err) == []


def har(calls: list[Said]) -> str:
    return json.dumps({"log": {"entries": [
        {
            "startedDateTime": f"2026-01-01T10:{second // 60:02}:{second % 60:02}Z", "time": 80,
            "request": {
                "method": request.method, "url": f"{POD}{request.path}{request.query and '?'}{request.query}",
                "headers": pairs(request.headers), "postData": {"text": request.body.decode()} if request.body else None,
            },
            "response": {
                "status": response.status, "headers": pairs(response.headers), "content": {"text": response.body.decode()},
            },
        }
        for second, (request, response) in enumerate(calls)
    ]}})  # fmt: skip


def pairs(headers: Headers) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers]


def cassette(calls: list[Said]) -> str:
    return yaml.dump({"version": 1, "interactions": [
        {
            "request": {
                "method": request.method, "uri": f"{POD}{request.path}{request.query and '?'}{request.query}",
                "headers": {name: [value] for name, value in request.headers}, "body": request.body.decode() or None,
            },
            "response": {
                "status": {"code": response.status, "message": ""}, "headers": {name: [value] for name, value in response.headers},
                "body": {"string": response.body.decode()},
            },
        }
        for request, response in calls
    ]}, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper))  # fmt: skip


@pytest.mark.long
def test_no_secret_is_learnt_from_another_tools_file_whatever_its_position(lab: Lab) -> None:
    for write in (har, cassette):
        file = Path(f"{write.__name__}.txt")
        file.write_text(write(all_said()), "utf-8")
        learned = lab("learn", file, "--name", "calls", *SAID)
        assert learned.code == 0 and "Done" in learned.out, learned.err
        assert leaked(learned.out + learned.err) == []
