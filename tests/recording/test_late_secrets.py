"""Texts that stood in the open before they were sent as secrets: a replay finds out what their aliases stand for."""

import json
from collections.abc import Callable

from msgspec.structs import replace

from lab.core.exchange import Json, Request
from lab.recording.format.reader import read
from lab.recording.redaction.late_secrets import open_values
from lab.recording.replay.replay import replay
from tests.conftest import each_row
from tests.recording.joined import Joined, config
from tests.recording.shipped import written
from tests.wire_peer import ASSERTION_GRANT, basic, form_post, invoke, status, token_request
from tests.wire_peer import read as answer

WORD = "correct-horse-battery"
LATE: dict[str, Callable[[str], tuple[Request, ...]]] = {
    "in a form": lambda bearer: (form_post("/oauth2/v1/introspect", token=WORD),),
    "in a header": lambda bearer: (replace(status(bearer, "x"), headers=(("x-api-key", WORD),)),),
    "as a bearer": lambda bearer: (status(WORD, "x"),),
    "as a cookie": lambda bearer: (Request("GET", "/fscmRestApi/anticsrf", headers=(("cookie", f"SID={WORD}"),)),),
    "as an assertion": lambda bearer: (token_request(ASSERTION_GRANT, assertion=WORD),),
    "in Basic credentials": lambda bearer: (token_request("client_credentials", basic("demo", WORD)),),
    "in those of nobody": lambda bearer: (token_request("client_credentials", basic("nobody", WORD)),),
    "in JSON": lambda bearer: (invoke(bearer, {"message": "Taxi", "parameters": {"password": WORD}}),),
    "beside another one": lambda bearer: tuple(form_post("/oauth2/v1/introspect", token=each) for each in (WORD, "Taxi 4711")),
}  # fmt: skip


@each_row("later", LATE.values(), ids=LATE)
def test_a_text_that_is_a_secret_later(later: Callable[[str], tuple[Request, ...]]) -> None:
    lab = Joined(config())
    bearer = str(answer(lab.ask(token_request("client_credentials")))["access_token"])
    job = str(answer(lab.ask(invoke(bearer, {"message": f"Taxi 4711, {WORD}"})))["jobId"])
    for request in later(bearer):
        lab.ask(request)
    lab.ask(status(bearer, job))
    assert WORD.encode() not in lab.lines[-1]
    lab.tape.close(lab.now)
    result = replay(read(lab.data), lab.service.config.scenarios)
    assert result.passed and WORD.encode() not in result.actual.splitlines()[-2], result.text()


def test_what_looks_like_an_alias_and_is_a_secret_later() -> None:
    lab = Joined(config())
    bearer = str(answer(lab.ask(token_request("client_credentials")))["access_token"])
    job = str(answer(lab.ask(invoke(bearer, {"message": "Taxi «token:T1»"})))["jobId"])
    lab.ask(Request("GET", "/x", headers=(("authorization", "Bearer «token:T1»".encode().decode("latin-1")),)))
    lab.ask(form_post("/oauth2/v1/introspect", token="«token:T1»"))
    lab.ask(status(bearer, job))
    lab.tape.close(lab.now)
    assert b"Taxi \xc2\xabwrong:W" in lab.lines[-2]
    result = replay(read(lab.data), lab.service.config.scenarios)
    assert result.passed, result.text()


@each_row("alias", ["«secret:S1»", "«wrong:W2:unknown»", "«cookie:K1»"])
def test_an_alias_in_the_place_of_another_text_is_seen(alias: str) -> None:
    lab = Joined(config())
    bearer = str(answer(lab.ask(token_request("client_credentials")))["access_token"])
    job = str(answer(lab.ask(invoke(bearer, {"message": f"Taxi 4711, {WORD}"})))["jobId"])
    lab.ask(form_post("/oauth2/v1/introspect", token="another-secret"))
    lab.ask(status(bearer, job))
    lab.tape.close(lab.now)
    lines = [json.loads(line) for line in lab.data.decode().splitlines()]
    lines[-2]["body"]["input"] = lines[-2]["body"]["input"].replace(WORD, alias)
    result = replay(read(written(lines)), lab.service.config.scenarios)
    assert [each.line for each in result.differences] == [len(lines) - 1]


@each_row(
    ("expected", "actual", "found"),
    [
        ("a «secret:S1» b", "a some-text b", {"«secret:S1»": "some-text"}),
        (
            "«secret:S1» b «cookie:K2»",
            "some-text b other-text",
            {"«secret:S1»": "some-text", "«cookie:K2»": "other-text"},
        ),
        ("a «secret:S1»", "b some-text", {}),
        ("«secret:S1» b", "some-text c", {}),
        ("«secret:S1» b", "short b", {}),
        ("«secret:S1»", "«secret:S2»", {}),
        ("«token:T1»", "some-text", {}),
        ("a «wrong:W1:odd»", "a ««token:T1»", {"«wrong:W1:odd»": "«token:T1»"}),
        ({"x": ["«secret:S1»", 1]}, {"x": ["some-text", 2], "y": 3}, {"«secret:S1»": "some-text"}),
        ({"x": "«secret:S1»"}, {"y": "some-text"}, {}),
    ],
)
def test_what_stands_in_the_place_of_an_alias(expected: Json, actual: Json, found: dict[str, str]) -> None:
    assert dict(open_values(expected, actual)) == found
