"""What redaction replaces gets into no learned scenario, wherever in a HAR file or a cassette it stands."""

import json
import re
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml

from tests.conftest import Lab

SECRET = "canary/S3cret+0123456789=x"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjYW5hcnktand0In0.c2lnbmF0dXJlLWNhbmFyeS1qd3Q"
WRITINGS: tuple[Callable[[str], str], ...] = (
    str, lambda text: quote(text, safe=""), lambda text: b64encode(text.encode()).decode(),
)  # fmt: skip
HOST = "https://canary-host.acme-real.com"


SAID = (
    "--status=status", "--words=RUNNING=queued,running", "--words=ERROR=failed", "--words=COMPLETE=succeeded",
    "--at=ask=prompt", "--at=says=message", "--at=output=output", "--at=error=error.message",
)  # fmt: skip
"""What has the job learned."""


def call(place: str) -> dict[str, object]:
    """Where the secret stands in the call that begins the job."""
    bearer = {"Authorization": f"Bearer {SECRET}"}
    return {
        "bearer": {"headers": bearer},
        "basic": {"headers": {"Authorization": f"Basic {b64encode(f'portal:{SECRET}'.encode()).decode()}"}},
        "api key": {"headers": {"X-Api-Key": SECRET}},
        "foreign key": {"headers": {"Ocp-Apim-Subscription-Key": SECRET}},
        "cookie": {"headers": {"Cookie": f"sid={SECRET}"}},
        "set-cookie": {"answered": {"Set-Cookie": f"sid={SECRET}; HttpOnly"}},
        "query": {"query": f"?api_key={quote(SECRET, safe='')}"},
        "query of another name": {"query": f"?sig={quote(SECRET, safe='')}"},
        "member": {"sent": {"deep": [{"client_secret": SECRET}]}},
        "answer": {"came": {"session": {"refresh_token": SECRET}}},
        "login in a url": {"sent": {"hook": f"https://jane:{quote(SECRET, safe='')}@canary-host.acme-real.com/x"}},
    }[place]  # type: ignore[return-value]


PLACES = (
    "bearer", "basic", "api key", "foreign key", "cookie", "set-cookie", "query", "query of another name", "member", "answer",
    "login in a url",
)  # fmt: skip


def calls(place: str) -> list[dict[str, object]]:
    """A job of which every text that gets into a scenario repeats the secret, a JWT and a host."""
    own = call(place)
    said = f"{' and '.join(write(SECRET) for write in WRITINGS)}, {JWT} at {HOST}/status"
    sent = {"prompt": f"Do it with {said}", "note": said[:150], **own.get("sent", {})}  # type: ignore[dict-item]
    first = {"id": "job-77123", "status": "queued", **own.get("came", {})}  # type: ignore[dict-item]
    job = {"id": "job-77123"}
    return [
        {"method": "POST", "url": f"{HOST}/jobs{own.get('query', '')}", "headers": own.get("headers", {}), "sent": sent, "came": first, "answered": own.get("answered", {})},
        {"method": "GET", "url": f"{HOST}/jobs/job-77123", "came": {**job, "status": "running", "message": said}},
        {"method": "GET", "url": f"{HOST}/jobs/job-77123", "came": {**job, "status": said[:60]}},
        {"method": "GET", "url": f"{HOST}/jobs/job-77123", "came": {**job, "status": "failed", "error": {"message": said}, "output": {"text": [said]}}},
    ]  # fmt: skip


def har(listed: list[dict[str, object]]) -> str:
    def pairs(value: object) -> list[object]:
        return [{"name": name, "value": text} for name, text in (value or {}).items()]  # type: ignore[union-attr]

    entries = [
        {
            "startedDateTime": f"2026-01-01T10:00:{second:02}+02:00", "time": 80,
            "request": {"method": each["method"], "url": each["url"], "headers": pairs(each.get("headers")), "postData": {"text": json.dumps(each["sent"])} if "sent" in each else None},
            "response": {"status": 200, "headers": pairs(each.get("answered")), "content": {"text": json.dumps(each["came"])}},
        }
        for second, each in enumerate(listed)
    ]  # fmt: skip
    return json.dumps({"log": {"entries": entries}})


def cassette(listed: list[dict[str, object]]) -> str:
    return yaml.safe_dump({"interactions": [
        {
            "request": {"method": each["method"], "uri": each["url"], "headers": {k: [v] for k, v in each.get("headers", {}).items()}, "body": json.dumps(each["sent"]) if "sent" in each else None},
            "response": {"status": {"code": 200}, "headers": {k: [v] for k, v in each.get("answered", {}).items()}, "body": {"string": json.dumps(each["came"]).encode()}},
        }
        for each in listed
    ]})  # type: ignore[attr-defined]  # fmt: skip


@pytest.mark.parametrize("form", [har, cassette])
@pytest.mark.parametrize("place", PLACES)
def test_a_secret_gets_into_no_scenario(lab: Lab, place: str, form: Callable[[list[dict[str, object]]], str]) -> None:
    file = Path("calls.txt")
    file.write_text(form(calls(place)), "utf-8")
    assert "canary" in file.read_text("utf-8")
    learned = lab("learn", file, "--name", "calls", *SAID)
    assert learned.code == 0, learned.err
    both = learned.out + learned.err
    assert [name for name in (*(write(SECRET) for write in WRITINGS), JWT, "canary", "acme-real") if name in both] == []
    assert "Do it with" in learned.out and "at https://lab-H1-host.invalid" in learned.out


@pytest.mark.parametrize("argv", [(), ("--status=nowhere",), ("--status=message",)])
def test_nor_into_a_question_about_the_file(lab: Lab, argv: tuple[str, ...]) -> None:
    listed = calls("bearer")
    listed[0] |= {"sent": {"prompt": "Do it"}, "came": {"id": f"job-{SECRET}"}}
    for each in listed[1:]:
        each |= {
            "url": f"{HOST}/jobs/job-{quote(SECRET, safe='')}",
            "came": {"status": SECRET, "message": SECRET, "at": HOST},
        }
    Path("calls.har").write_text(har(listed), "utf-8")
    learned = lab("learn", "calls.har", *argv)
    assert (learned.code, learned.out) == (2, "")
    assert "lab-T1-token" in learned.err and "canary" not in learned.err.lower()


NAMES = """apiKey accessKey x-api-key authorization pwd credential private_key subscription-key sig session_token
    Ocp-Apim-Subscription-Key""".split()


def test_names_of_bodies_are_judged_as_those_of_headers_and_queries(lab: Lab) -> None:
    worth = {name: f"{number:03}x-canary-{name[::-1].lower()}" for number, name in enumerate(NAMES)}
    listed = calls("bearer")
    pairs = [{"name": name, "value": f"{value[::-1]}-paired"} for name, value in worth.items()]
    listed[0]["sent"] = {
        "prompt": "Do it",
        **worth,
        "pairs": pairs,
        "inner": json.dumps({"apiKey": "canary-of-a-text"}),
    }
    listed[1]["came"] = {"id": "job-77123", "status": "running", "message": " ".join(worth.values())}
    output = {"text": [each["value"] for each in pairs], "more": "canary-of-a-text"}
    listed[3]["came"] = {"id": "job-77123", "status": "succeeded", "output": output}
    Path("calls.har").write_text(har(listed), "utf-8")
    learned = lab("learn", "calls.har", *SAID)
    assert learned.code == 0
    assert re.findall(r"[\w-]*canary[\w-]*", learned.out) == []


def test_however_many_credentials_a_body_has_none_gets_into_a_scenario(lab: Lab) -> None:
    listed = calls("bearer")
    output = [{"apiKey": f"{number:03}x-canary"} for number in range(200)]
    listed[3]["came"] = {"id": "job-77123", "status": "succeeded", "output": output}
    Path("calls.har").write_text(har(listed), "utf-8")
    out = lab("learn", "calls.har", *SAID).out
    assert ("lab-S1-secr" in out, "x-canary" in out) == (True, False)


@pytest.mark.parametrize(
    "member",
    [
        {"keywords": "pumps-and-valves"}, {"author": "jane-roe-1970"}, {"idempotency_key": "order-88123-a"}, {"max_tokens": 20_000},
        {"session": "Tomorrow at 9 in room 12"}, {"auth_state": "succeeded"}, {"key": "size", "value": "large-88123"},
    ],
)  # fmt: skip
def test_what_only_sounds_like_a_credential_stays(lab: Lab, member: dict[str, object]) -> None:
    listed = calls("bearer")
    listed[0]["sent"] = {"prompt": "Do it", **member}
    del listed[2:3]
    listed[2]["came"] = {"id": "job-77123", "status": "succeeded", "output": {"text": list(member.values())}}
    Path("calls.har").write_text(har(listed), "utf-8")
    out = lab("learn", "calls.har", *SAID).out
    assert [each for each in member.values() if str(each) not in out] == []


def test_what_nobody_redacts_is_told_with_its_line(lab: Lab) -> None:
    listed = calls("bearer")
    listed[1]["came"] = {"id": "job-77123", "status": "running", "message": "Ask jane.roe@acme-real.com"}
    Path("calls.har").write_text(har(listed), "utf-8")
    learned = lab("learn", "calls.har", *SAID)
    line = next(number for number, text in enumerate(learned.out.splitlines(), 1) if "jane.roe" in text)
    assert f"note: line {line} has the mail address" in learned.err


def test_a_secret_in_a_path_gets_into_no_scenario(lab: Lab) -> None:
    listed = calls("bearer")
    listed[0] |= {"url": f"{HOST}/jobs/{quote(SECRET, safe='')}/begin"}
    del listed[0]["sent"]
    Path("calls.har").write_text(har(listed), "utf-8")
    learned = lab("learn", "calls.har", *SAID)
    assert "POST /jobs/lab-" in learned.out
    assert "canary" not in learned.out + learned.err


def test_a_host_is_known_by_its_name_also_before_a_text_tells_where_it_is(lab: Lab) -> None:
    listed = calls("bearer")
    listed[0]["sent"] = {"prompt": "Do it on files.canary-far.io"}
    del listed[2:3]
    listed[2]["came"] = {"id": "job-77123", "status": "succeeded", "output": "See https://files.canary-far.io/a"}
    Path("calls.har").write_text(har(listed), "utf-8")
    learned = lab("learn", "calls.har", *SAID)
    assert "Do it on lab-H2-host.invalid" in learned.out
    assert "canary" not in learned.out + learned.err


def test_so_is_the_host_that_was_called_where_only_its_name_stands(lab: Lab) -> None:
    listed = calls("bearer")
    listed[0]["sent"] = {"prompt": f"Do it on {HOST.removeprefix('https://')}"}
    del listed[2:3]
    listed[2]["came"] = {"id": "job-77123", "status": "succeeded", "output": "Done."}
    listed[1]["came"] = {"id": "job-77123", "status": "running"}
    Path("calls.har").write_text(har(listed), "utf-8")
    learned = lab("learn", "calls.har", *SAID)
    assert "Do it on lab-H1-host.invalid" in learned.out
    assert "canary" not in learned.out + learned.err
