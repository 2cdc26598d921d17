"""A sample of the random sequences: what clients do wrong replays as it was refused."""

import json
import re
from urllib.parse import quote

from msgspec.structs import replace

from lab.core.exchange import Request
from lab.core.observe import Replied
from lab.identity.clients import DEMO
from lab.recording.format.lines import Res
from lab.recording.format.reader import read
from lab.recording.redaction.leaks import leaks
from lab.recording.replay.replay import replay
from tests.conftest import each_row
from tests.recording.joined import Joined, config, scenario
from tests.recording.rewritten import rewritten
from tests.recording.sequences import replayed, sequence_of
from tests.wire_peer import form, form_post, invoke, status, token_request

JSON = (("content-type", "application/json"),)


@each_row("first", [*range(0, 20, 5), 1553, 2977, 3484, 501_584])
def test_random_sequences_replay(first: int) -> None:
    for number in range(first, first + (5 if first < 20 else 1)):
        result = replayed(number)
        assert result.passed, result.text()


@each_row(
    ("body", "counts"), [(b'{"message": "Taxi", "token": "x"}x', False), (b'{"message": "Taxi", "n": "x"}x', True)]
)
def test_where_a_body_is_wrong_counts_unless_stand_ins_may_have_moved_it(body: bytes, counts: bool) -> None:
    joined = Joined(config())
    joined.play()
    bearer = next(value for value, word in joined.tape.redactor.secrets.known.items() if word == "lab-T1-token")
    joined.ask(invoke(bearer, body))
    joined.tape.close(joined.now)
    assert replay(read(joined.data), [scenario()]).passed
    whole = read(joined.data)
    lines = [
        replace(line, value=json.loads(re.sub("column [0-9]+", "column 7", json.dumps(line.value))))
        if isinstance(line, Res) and line.status == 400
        else line
        for line in whole.lines
    ]
    assert lines != [*whole.lines]
    assert replay(read(rewritten(whole, lines)), [scenario()]).passed is not counts


@each_row("first", [71, 93, 421])
def test_nothing_that_redaction_left_is_called_a_leak(first: int) -> None:
    for number in range(first, first + 3):
        assert list(leaks(sequence_of(number).data, ((DEMO.id, DEMO.secret),))) == []


def _with_bearer(value: str) -> Request:
    return Request("POST", invoke("", {}).path, "", (("authorization", value), *JSON), b'{"message":"Taxi"}')


SLASHED = "pl4nted/Secret"
MISTAKES = {
    "a secret with a slash in a path": status(SLASHED, quote(SLASHED, safe="")),
    "a word of the lab's as a secret": _with_bearer("Bearer application%2Fjson"),
    "digits that hold a secret of digits": invoke(
        "TOKEN", b'{"token": "' + b"9" * 30 + b'", "n": ' + b"9" * 120 + b"}"
    ),
    "no bearer": _with_bearer("Bearer "),
    "the scheme alone": _with_bearer("Bearer"),
    "a token with a comma": _with_bearer("Bearer abcdefgh,ijk"),
    "a token twice": _with_bearer("Bearer TOKEN TOKEN"),
    "two headers": Request("GET", "/fscmRestApi/anticsrf", "", (("authorization", "Bearer TOKEN"),) * 2),
    "a raw letter in a form": form("grant_type=password&username=jane&password=pässwörd"),
    "a secret that is no UTF-8": form("grant_type=client_credentials&client_id=demo&client_secret=%FF%FE"),
    "a member without a value": form("grant_type&client_id=demo&client_secret"),
    "a long number": invoke("TOKEN", b'{"message": "Taxi", "version": ' + b"9" * 120 + b"}"),
    "a long secret number": invoke("TOKEN", b'{"message": "Taxi", "token": ' + b"9" * 120 + b"}"),
    "a long fraction": invoke("TOKEN", b'{"message": "Taxi", "version": 1.' + b"0" * 120 + b"}"),
    "a secret that is a number": invoke("TOKEN", {"message": "Taxi 42", "token": 4096}),
    "a secret that is a list": invoke("TOKEN", {"message": "Taxi 42", "secret": ["a", 7, None]}),
    "a secret that is an object": invoke("TOKEN", {"message": "Taxi 42", "password": {"value": "COMPLETE"}}),
    "a word of the lab as a secret": invoke("TOKEN", {"message": "Taxi 42", "password": "COMPLETE"}),
    "JSON in quotes with a secret": invoke("TOKEN", b'"{"message": "Taxi", "token": [4096]}"'),
    "broken JSON with a secret": invoke("TOKEN", b'{"password": "correct-horse", "message" "Taxi"}'),
    "a login in a redirect": Request(
        "GET", "/oauth2/v1/authorize", "client_id=demo&redirect_uri=http://u:pw@127.0.0.1/"
    ),
    "a token in an odd query": Request("GET", "/fscmRestApi/anticsrf", "access%5Ftoken=x&b&c=%FF&d=é"),
    "a secret over two segments": Request("GET", "/x/lab-secret-a:b/c+d%25e", "", ()),
    "a code that nobody was given": form_post("/ui/v1/device", None, user_code="wxyz-wxyz", answer="approve"),
    "a scheme that looks like an alias": Request("GET", "/x", "", (("authorization", "«token:T1» x"),)),
    "a secret that no id may be": invoke(
        "TOKEN", {"message": "", "conversationId": "a\tb-cdefgh", "token": "a\tb-cdefgh"}
    ),
    "bytes that look like an alias": Request(
        "POST", "/x", "", (), "\xff«token:T1»".encode("latin-1") + "«token:T1»".encode()
    ),
    "a secret in quotes in JSON with a member twice": invoke(
        "TOKEN", b'{"message": "a", "secret": "\\"quoted\\\\\\"", "message": "b"}'
    ),
    "Basic without credentials": token_request("client_credentials", "Basic "),
    "Basic that isn't base64": token_request("client_credentials", "Basic demo:lab-secret"),
}


@each_row("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_made_again_by_a_replay(mistake: Request) -> None:
    joined = Joined(config())
    joined.play()
    bearer = next(value for value, word in joined.tape.redactor.secrets.known.items() if word == "lab-T1-token")
    headers = tuple((name, value.replace("TOKEN", bearer)) for name, value in mistake.headers)
    for _ in range(2):
        joined.now += 1_000
        request = Request(mistake.method, mistake.path, mistake.query, headers, mistake.body)
        reply = joined.service.serve(request, joined.now)
        joined.service.tell(Replied(joined.now, reply.x, reply.response, reply.latency))
    joined.tape.close(joined.now)
    result = replay(read(joined.data), [scenario()])
    assert result.passed, result.text()
    assert read(result.again()) == read(joined.data)
