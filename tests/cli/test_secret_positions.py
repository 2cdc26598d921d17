"""A secret in each position and format of a pod's traffic: hidden from file, screen, exports and what is learnt, or its lot."""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from hashlib import sha256
from html import escape
from urllib.parse import quote, quote_plus

import pytest

from lab.core.exchange import Request, Response
from lab.kernel import EXPORT_FORMS
from lab.recording.redaction.leaks import leaks
from lab.recording.redaction.stand_ins import stand_ins
from tests.conftest import Lab, each_row
from tests.recording.test_canaries import FORM, JSON, MULTIPART, OK, Said
from tests.recording.test_captured import Captured

Writing = Callable[[str], str]
WRITINGS: dict[str, Writing] = {
    "itself": str,
    "percent-encoded": lambda text: quote(text, safe=""),
    "as a form": quote_plus,
    "in JSON": lambda text: json.dumps(text)[1:-1],
    "in HTML": escape,
    "base64": lambda text: b64encode(text.encode()).decode(),
}
"""Those in which a secret is looked for."""
OTHER_WRITINGS: dict[str, Writing] = {
    "hexadecimal digits": lambda text: text.encode().hex(),
    "large hexadecimal digits": lambda text: text.encode().hex().upper(),
}  # fmt: skip


def came(kind: str, text: str, *headers: tuple[str, str]) -> Said:
    return Request("GET", "/x"), Response(200, (("content-type", kind), *headers), text.encode())


def said(*headers: tuple[str, str], query: str = "", body: str = "", path: str = "/x") -> Said:
    return Request("POST", path, query, headers, body.encode()), OK


def sent(value: object) -> Said:
    return said(*JSON, body=json.dumps(value))


def answered(*headers: tuple[str, str], status: int = 401) -> Said:
    return Request("GET", "/x"), Response(status, headers)


def xml(text: str) -> Said:
    return came("application/xml", f'<?xml version="1.0"?>\n{text}\n')


def page(text: str) -> Said:
    return came("text/html", f"<!doctype html><title>Sign in</title>{text}<p>Welcome</p>")


def listed(text: str) -> Said:
    return came("application/yaml", text)


POSITIONS: dict[str, Callable[[str], Said]] = {
    # headers
    **{f"header {name}": lambda x, name=name: said((name, x)) for name in (  # type: ignore[misc]
        "x-api-key", "apikey", "ocp-apim-subscription-key", "x-access-key", "x-goog-api-key", "x-auth-token", "x-amz-security-token",
        "client-secret", "x-hub-signature", "mcp-session-id", "x-password",
    )},
    **{f"scheme {word}": lambda x, word=word: said(("authorization", f"{word} {x}")) for word in (  # type: ignore[misc]
        "Bearer", "Token", "Digest", "Negotiate", "DPoP",
    )},
    "a forwarded authorization": lambda x: said(("x-forwarded-authorization", f"Bearer {x}")),
    "a Basic pair": lambda x: said(("authorization", f"Basic {b64encode(f'someone:{x}'.encode()).decode()}")),
    "a proxy's pair": lambda x: said(("proxy-authorization", f"Basic {b64encode(f'proxy:{x}'.encode()).decode()}")),
    # cookies
    "a cookie": lambda x: said(("cookie", f"theme=dark; SID={x}")),
    "a cookie of RFC 2965": lambda x: said(("cookie2", f"SID={x}")),
    "a cookie that is set": lambda x: answered(("set-cookie", f"SID={x}; Path=/; HttpOnly")),
    "a cookie that is set as in RFC 2965": lambda x: answered(("set-cookie2", f"SID={x}; Version=1")),
    "an attribute of a cookie": lambda x: answered(("set-cookie", f"a=1; Path=/; Device={x}; Secure")),
    # challenges
    "a challenge's token": lambda x: answered(("www-authenticate", f'Bearer realm="x", token="{x}"')),
    "a challenge's parameter": lambda x: answered(("www-authenticate", f'Digest realm="x", opaque="{x}", qop="auth"')),
    "the token of a scheme": lambda x: answered(("www-authenticate", f"Negotiate {quote(x, safe='')}".replace("%", "-"))),
    "what comes after a login": lambda x: answered(("authentication-info", f'nextnonce="{x}", qop=auth'), status=200),
    "a proxy's challenge": lambda x: answered(("proxy-authenticate", f'Other key="{x}"'), status=407),
    # URLs
    **{f"query {name}": lambda x, name=name: said(query=f"a=1&{name}={quote_plus(x)}") for name in (  # type: ignore[misc]
        "access_token", "apiKey", "api-key", "sig", "X-Amz-Signature", "id_token_hint", "sessionId",
    )},
    "a URL's user": lambda x: sent({"callback": f"https://u:{quote(x, safe='')}@h.example/"}),
    "a URL in a text": lambda x: sent({"message": f"See https://h.example/a?apiKey={quote(x, safe='')}&b=1 for it."}),
    "a location": lambda x: answered(("location", f"/next?refreshToken={quote(x, safe='')}"), status=302),
    # forms
    **{f"form {name}": lambda x, name=name: said(*FORM, body=f"a=1&{quote(name)}={quote_plus(x)}") for name in (  # type: ignore[misc]
        "clientSecret", "user[password]", "password_confirmation", "logout_token", "id_token_hint", "client_assertion", "SAMLResponse",
    )},
    "multipart": lambda x: said(*MULTIPART, body=f'--b\r\nContent-Disposition: form-data; name="apiKey"\r\n\r\n{x}\r\n--b--\r\n'),
    # JSON
    **{f"member {name}": lambda x, name=name: sent({"a": [{"b": {name: x}}]}) for name in (  # type: ignore[misc]
        "apiKey", "api-key", "API_KEY", "accessToken", "clientSecret", "refreshToken", "x-api-key", "sessionId", "privateKey",
        "secretAccessKey", "dbPassword", "passwd", "credentials", "id_token_hint", "otp",
    )},
    "a name and its value": lambda x: sent({"headers": [{"name": "password", "value": x}]}),
    "a value and its name": lambda x: sent({"a": {"b": [{"value": x, "name": "apiKey"}]}}),
    "a key and its value": lambda x: sent([[{"Key": "client_secret", "Value": x}]]),
    "a value of a type": lambda x: sent({"attributes": [{"key": "db.password", "value": {"stringValue": x}}]}),
    "a header in JSON": lambda x: sent({"headers": {"Authorization": f"Bearer {x}"}}),
    "headers in JSON": lambda x: sent({"headers": {"cookie": [f"sid={x}"]}}),
    "a named header in JSON": lambda x: sent({"headers": [{"name": "Authorization", "value": f"Bearer {x}"}]}),
    "JSON in JSON": lambda x: sent({"arguments": json.dumps({"apiKey": x})}),
    "a pair in JSON in JSON": lambda x: sent({"arguments": json.dumps({"x": json.dumps({"name": "password", "value": x})})}),
    "an event's object": lambda x: came("text/event-stream", f"event: a\ndata: {json.dumps({'password': {'worth': x}})}\n\n"),
    "an event": lambda x: came("text/event-stream", f"data: {json.dumps({'apiKey': x})}\n\ndata: [DONE]\n\n"),
    # text
    "how to connect": lambda x: came("text/plain", f"Server=db;User=a;Password={x};Encrypt=1"),
    "a bearer in a sentence": lambda x: came("text/plain", f"Refused Bearer {quote(x, safe='').replace('%', '-')} as unknown."),
    "a header in a text": lambda x: came("text/plain", f"> GET / HTTP/1.1\n> Authorization: Bearer {quote(x, safe='')}\n> Accept: */*\n"),
    "an error's text": lambda x: came("text/plain", f"No such user. (password={quote(x, safe='')})"),
}  # fmt: skip
"""Where a secret is hidden: its name stands before it as in JSON, a form, a query or a header, or it has a shape."""

OPEN: dict[str, Callable[[str], Said]] = {
    "an argument": lambda x: sent({"query": f"mutation {{ login(apiKey: {json.dumps(x)}) {{ id }} }}"}),
    "headers as pairs": lambda x: sent({"headers": [["accept", "a"], ["X-Api-Key", x]]}),
    "headers in turn": lambda x: sent({"rawHeaders": ["Accept", "a", "X-Api-Key", x]}),
    "a pair in broken JSON": lambda x: said(*JSON, body=json.dumps({"name": "password", "value": x})[:-1]),
    "the other way round": lambda x: said(*JSON, body=json.dumps({"value": x, "name": "password"})[:-1]),
    "an element": lambda x: xml(f"<a><password>{escape(x)}</password></a>"),
    "an element of a namespace": lambda x: xml(f'<s:Envelope><wsse:Password Type="x#PasswordText">{escape(x)}</wsse:Password></s:Envelope>'),
    "an element on lines of its own": lambda x: xml(f"<apiKey>\n  {escape(x)}\n</apiKey>"),
    "marked text": lambda x: xml(f"<secret><![CDATA[{x}]]></secret>"),
    "an element in an element": lambda x: xml(f"<credentials><name>a</name><word>{escape(x)}</word></credentials>"),
    "an attribute": lambda x: xml(f'<db user="a" password="{escape(x)}" />'),
    "an attribute in single quotes": lambda x: xml(f"<db clientSecret = '{escape(x)}'/>"),
    "a setting": lambda x: xml(f'<add key="apiKey" value="{escape(x)}"/>'),
    "an entry": lambda x: xml(f'<map><entry key="password">{escape(x)}</entry></map>'),
    "a name and a value, an element each": lambda x: xml(f"<param><name>password</name><value>{escape(x)}</value></param>"),
    "a key and a string": lambda x: xml(f"<dict><key>apiKey</key><string>{escape(x)}</string></dict>"),
    "XML in JSON": lambda x: sent({"payload": f"<a><password>{escape(x)}</password></a>"}),
    "a meta element": lambda x: page(f'<meta name="csrf-token" content="{escape(x)}">'),
    "a meta element, turned round": lambda x: page(f"<meta content='{escape(x)}' name='csrf-token'/>"),
    "a hidden field": lambda x: page(f'<input type=hidden name=csrf_token value="{escape(x)}">'),
    "a hidden field without quotes": lambda x: page(f"<input type=hidden name=authenticity_token value={quote(x, safe='')}>"),
    "a hidden field, turned round": lambda x: page(f'<input value="{escape(x)}" type="hidden" name="__RequestVerificationToken">'),
    "an attribute of a page": lambda x: page(f'<body data-session-id="{escape(x)}">'),
    "JSON in an attribute": lambda x: page(f'<div data-page="{escape(json.dumps({"apiKey": x, "a": 1}))}">'),
    "a script": lambda x: page(f"<script>window.cfg = {{apiKey: '{x}', page: 1}}; var authToken = \"{x}\";</script>"),
    "a line": lambda x: listed(f"user: jane\npassword: {x}\nrole: admin\n"),
    "a line in quotes": lambda x: listed(f"- user: jane\n  apiKey: '{x}'\n- b\n"),
    "lines beneath": lambda x: listed(f"user: jane\nclientSecret: |\n  {x}\nrole: admin\n"),
    "a list beneath": lambda x: listed(f"passwords:\n  - {x}\n  - b\nrole: admin\n"),
    "a mapping on a line": lambda x: listed(f"a: 1\ncredentials: {{user: jane, word: '{x}'}}\n"),
    "a name and a value, a line each": lambda x: listed(f"env:\n  - name: API_KEY\n    value: {json.dumps(x, ensure_ascii=False)}\n"),
    "a header of a command": lambda x: came("text/plain", f"curl -H 'X-Api-Key: {x}' https://h.example/"),
    "a colon in a sentence": lambda x: came("text/plain", f"Welcome. Your apiKey: {x} is ready."),
    "a setting of a shell": lambda x: came("text/plain", f"export DB_PASSWORD='{x}'\nMODE=a\n"),
    "a setting with blanks": lambda x: came("text/plain", f'[db]\npassword = "{x}"\n'),
}  # fmt: skip
"""Where nothing is guessed, in lists, markup, YAML, settings, prose and broken JSON: a random word is refused by `lab check`, others are let go."""


def canary(position: str) -> str:
    """A secret of that position alone, with signs that each format writes in its own way."""
    return f"{sha256(position.encode()).hexdigest()[:24]}+{'é' if 'header' not in position else 'e'}/c=%7"


CANARIES = {position: canary(position) for position in POSITIONS}
NARROW = {
    position: quote(CANARIES[position], safe="").replace("%", "-")
    for position in ("the token of a scheme", "a bearer in a sentence")
}
"""Where a format can't hold every sign."""


def echoes() -> Iterator[Said]:
    """Each canary once more, where nobody would look for one, in every writing: ten in a reply."""
    texts = [
        write(NARROW.get(position, secret)) for position, secret in CANARIES.items() for write in WRITINGS.values()
    ]
    for at in range(0, len(texts), 10 * len(WRITINGS)):
        yield came("text/plain", f"Failed for {' and '.join(texts[at : at + 10 * len(WRITINGS)])}.")


def job() -> Iterator[Said]:
    """A job whose texts repeat canaries, so that they get into what is learnt."""
    repeated = " ".join(CANARIES.values())
    yield (
        Request("POST", "/jobs", "", JSON, json.dumps({"prompt": f"Do {repeated}"}).encode()),
        found({"id": "job-77123", "status": "queued"}),
    )
    for status in ("running", "succeeded"):
        body = {"id": "job-77123", "status": status, "message": f"Doing {repeated}", "output": f"Done {repeated}"}
        yield Request("GET", "/jobs/job-77123"), found(body)


def found(value: object) -> Response:
    return Response(200, JSON, json.dumps(value).encode())


def all_said() -> list[Said]:
    return [*(put(CANARIES[position]) for position, put in POSITIONS.items()), *echoes(), *job()]


def leaked(text: str) -> list[str]:
    """The positions and writings whose canary can be read."""
    return [
        f"{position}, {name}"
        for position, secret in CANARIES.items()
        for name, write in WRITINGS.items()
        if write(NARROW.get(position, secret)) in text
    ]


def opened(text: str) -> str:
    """The text, and what its lines of JSON mean."""
    return "\0".join(
        (text, *(json.dumps(json.loads(line), ensure_ascii=False).replace('\\"', '"') for line in text.splitlines()))
    )


LOTS = {"refused": ("q7Jw2xN0bT5zK9fV3mRd", 1), "let go": ("correct-horse-battery-4711", 0)}
"""A secret, and how many words of a tape with it `lab check` refuses."""


@each_row("lot", LOTS)
@each_row("position", OPEN)
def test_what_stands_in_the_open_is_refused_if_it_is_random_and_else_let_go(position: str, lot: str) -> None:
    secret, refused = LOTS[lot]
    captured = Captured()
    captured.say(OPEN[position](secret))
    text = captured.text()
    assert secret in text
    words = [each.what for each in leaks(text.encode())]
    assert len(words) == refused and all(
        re.fullmatch(r"a word of 20 \D* body\S* that may be a secret", each) for each in words
    )


@each_row("position", POSITIONS)
def test_what_is_hidden_is_hidden_also_if_it_is_no_random_word_and_nothing_is_refused(position: str) -> None:
    captured = Captured()
    captured.say(POSITIONS[position]("correct-horse-battery-4711"))
    text = captured.text()
    assert "horse" not in text and list(leaks(text.encode())) == []


def recorded_day(lab: Lab) -> str:
    """What stands in `day`, of a pod to and from which all of that was said."""
    captured = Captured()
    captured.say(*all_said())
    text = captured.text()
    (lab.folder / "recordings").mkdir(exist_ok=True)
    (lab.folder / "recordings" / "day.rec.jsonl").write_text(text, "utf-8")
    return text


@pytest.mark.long
def test_no_secret_comes_out_of_a_recorded_pod_whatever_its_position(lab: Lab) -> None:
    out = {"file": opened(recorded_day(lab))}
    for kind in (*(form.word for form in EXPORT_FORMS), "cast"):
        shown = lab("show", "day", "--as", kind)
        assert shown.code == 0 and len(shown.out) > 1000, shown.err
        out[kind] = shown.out
    for command in (("play", "day", "--plain"), ("check", "recordings")):
        done = lab(*command)
        out[command[0]] = done.out + done.err
    assert {name: found for name, each in out.items() if (found := leaked(each))} == {}


@each_row("name", OTHER_WRITINGS)
def test_a_secret_in_a_writing_in_which_it_is_not_looked_for_is_refused(name: str) -> None:
    secret = CANARIES["header x-api-key"]
    written = OTHER_WRITINGS[name](secret)
    captured = Captured()
    captured.say(POSITIONS["header x-api-key"](secret), came("text/plain", f"Failed for {written}."))
    text = captured.text()
    assert secret not in text and written in text
    assert [*leaks(text.encode())]


def test_what_is_no_secret_stays_as_it_is() -> None:
    captured = Captured()
    plain = [
        sent({"fields": ["password", "token"], "kind": "apiKey", "name": "password", "type": "string", "total_tokens": 12345678}),
        sent({"name": "colour", "value": "ultramarine"}),
        came("text/html", '<label for="password">Your password</label><a accesskey="s" href="/token">Token</a> <token> </p>'),
        came("text/plain", "Invalid token: it has expired. Send Authorization: Bearer, and the apiKey. a <token> b"),
        came("application/yaml", "kind: password\nname: token\ntokens: 12345678\nkey: ordinary-value\n"),
        came("application/xml", '<keys><key name="colour">ultramarine</key><type>password</type><password/></keys>'),
        answered(("www-authenticate", 'Bearer realm="lab", error="invalid_token", error_description="It has expired"')),
        answered(("set-cookie", "a=; Path=/; Max-Age=0; SameSite=Lax"), ("access-control-allow-credentials", "true")),
    ]  # fmt: skip
    captured.say(*plain)
    assert stand_ins(captured.text().partition("\n")[2]) == []
