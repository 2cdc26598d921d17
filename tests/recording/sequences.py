"""Random sequences of right and wrong calls, taped in memory: each recording has to replay.

    python -m tests.recording.sequences [COUNT] [FIRST]

prints the sequences that don't, and a verdict; exit 1 if there is one. A sequence is made of its number alone.
"""

import json
import sys
from base64 import b64encode
from random import Random
from typing import ClassVar
from urllib.parse import quote, quote_plus, urlencode

from msgspec.structs import replace

from lab.core.errors import RecordingError
from lab.core.exchange import Json, Request, Response
from lab.core.observe import Replied
from lab.dialects.fusion.routes import API
from lab.dialects.router import ROUTER
from lab.identity.clients import DEMO, JANE, OOB
from lab.identity.keys import challenge_of
from lab.identity.routes import PATHS
from lab.identity.scopes import service_scope
from lab.recording.format.reader import read
from lab.recording.replay.replay import ReplayResult, replay
from tests.recording.joined import Joined, config, scenario
from tests.shapes import switched
from tests.wire_peer import ASSERTION_GRANT, CLI, DEVICE_GRANT, OTHER, REDIRECT, SCOPE, VERIFIER, assertion, basic

ASSERTED = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
PATH = f"{API}/agent/v2/EXPENSES"
WORDS = (
    "", "x", "hunter2", "correct-horse-battery", "pässwörd-läng", "COMPLETE", "RUNNING", "message", "EXPENSES",
    "client_credentials", "application/json", "Bearer", "a+b %2B&=c/é", '"quoted\\"', "«token:T1»", "0" * 32, "eyJ.x.y",
    "fusion-ai", "Invoke", DEMO.id, DEMO.secret, JANE.password, "tab\tand\nline", "whsec_abcdef", "conversation",
    "correct-horse", "battery-staple", "correct-horse-battery-staple", "1234567890123456789", "Taxi 1234567890123456789",
    "x" * 300, "ü" * 201, "http://u:password@h.invalid/", "\\u0000", "%5Cu0000", "eyJhbGciOiJub25lIn0.eyJhIjoxfQ.",
    '<b>&amp;"quoted"</b>', "Taxi 42", "Taxi 42 correct-horse-battery",
)  # fmt: skip
"""What stands where a secret is expected, and elsewhere."""
NUMBERS = ("4096", "0", "-7", "12345678901", "1.50", "1e3", "-0", "9" * 30, "9" * 120, "0." + "3" * 130, "1E400")
SWITCHES: tuple[dict[str, str], ...] = (
    {}, {"profile": "rfc"}, {"clients": "any"}, {"authorize": "page"}, {"profile": "rfc", "authorize": "page"},
    {"idempotency_key": "on", "resume_job_id": "new"}, {"hints": "off"}, {"assertion_jti": "single"},
)  # fmt: skip


class Sequence(Joined):
    """A peer that errs in most of what it sends."""

    calls: ClassVar[tuple[str, ...]] = (
        "token", "token", "good_token", "good_token", "authorize", "device", "about_tokens", "relay", "invoke", "invoke",
        "good_invoke", "status", "status", "documents", "documents", "lost",
    )  # fmt: skip
    """Its methods that it chooses among, some oftener than others."""

    def __init__(self, number: int) -> None:
        self.chance = Random(number)
        super().__init__(replace(config(), switches=switched(self.chance.choice(SWITCHES))))
        self.given: dict[str, list[str]] = {}
        """What the lab gave out, by the name of its member."""

    def one(self, *choices: str) -> str:
        """One of these."""
        return self.chance.choice(choices)

    def some(self, name: str) -> str:
        """A value that was given out under this name, as it was or changed; or another one."""
        known = self.given.get(name, [])
        if not known or self.chance.random() < 0.25:
            return self.chance.choice(WORDS)
        value = self.chance.choice(known[-3:])
        return value if self.chance.random() < 0.7 else self.changed(value)

    def changed(self, value: str) -> str:
        """The value with a small mistake in it."""
        return self.one(
            f"{value},{value}", f"{value} {value}", f" {value}", f"{value} ", f"{value},", value[:-1], value.lower(),
            f'"{value}"', f"{value[:4]}-{value[4:]}", value.replace("-", " "), f"Bearer {value}", value + "x",
        )  # fmt: skip

    # Writing

    def encoded(self, text: str) -> str:
        """A form's or query's value, encoded well, otherwise, or not at all."""
        return self.chance.choice(
            (quote_plus, quote_plus, quote, lambda text: quote(text, safe=""), lambda text: text.replace("&", "%26"),
             lambda text: "".join(f"%{byte:02x}" for byte in text.encode()))
        )(text)  # fmt: skip

    def pairs(self, members: dict[str, str]) -> str:
        """Members as a form or query, now and then with a mistake."""
        parts = [f"{name}={self.encoded(value)}" for name, value in members.items()]
        if self.chance.random() < 0.3:
            place = self.chance.randrange(len(parts) + 1)
            name = self.chance.choice([*members, "note"])
            part = self.one("", "é=1", "a=é", "b", "=c", f"{name}", f"{name}=", f"{name}=%FF", f"{name}=%zz", "x=%C3%A9",
                            f"{name}={self.encoded(self.chance.choice(WORDS))}", quote(name).replace("_", "%5F") + "=1")  # fmt: skip
            parts.insert(place, part)
        return "&".join(parts)

    def json(self, members: dict[str, Json]) -> bytes:
        """Members as JSON, now and then with a mistake, or with secrets where none are expected."""
        text = json.dumps(members, ensure_ascii=self.chance.random() < 0.5)
        if self.chance.random() < 0.5:
            name = self.one("token", "password", "secret", "x", "Api_Key", "user_code", "pass\\u0077ord")
            word = json.dumps(self.chance.choice(WORDS))
            number = self.chance.choice(NUMBERS)
            value = self.one(word, number, f"[{word}, {number}]", f'{{"value": {word}, "n": {number}}}', "true", "null")
            text = f'{text[:-1]}{", " if members else ""}"{name}": {value}}}'
        if self.chance.random() < 0.15:
            text = self.one(
                text[:-1], text + text, f"[{text}]", f"\ufeff{text}", f'{text[:-1]}, "message": "twice"}}',
                text.replace(":", " : "), f"{text}\n", text.replace('"', "'"), "", "null", "NaN", '"' + text,
            )  # fmt: skip
        return (
            text.encode("utf-8", "surrogatepass") if self.chance.random() < 0.95 else text.encode("latin-1", "replace")
        )

    def bearer(self) -> str:
        """An Authorization header for the API."""
        token = self.some("access_token")
        scheme = self.one("Bearer", "Bearer", "Bearer", "Bearer", "bearer", "BEARER", "Basic", "Token")
        if self.chance.random() < 0.1:
            return self.one(scheme, f"{scheme} ", f"{scheme}  {token}", token, f"{scheme}{token}", f"{scheme}\t{token}")
        return f"{scheme} {token}"

    def credentials(self, fields: dict[str, str]) -> tuple[tuple[str, str], ...]:
        """How a client authenticates: the header, or what goes into the form."""
        who = self.chance.choice((DEMO, DEMO, OTHER))
        secret = who.secret if self.chance.random() < 0.7 else self.chance.choice(WORDS)
        match self.chance.randrange(7):
            case 0 | 1:
                return (("authorization", basic(who.id, secret)),)
            case 2:
                return (("authorization", basic(quote_plus(who.id), quote_plus(secret))),)
            case 3:
                fields |= {"client_id": who.id, "client_secret": secret}
                return ()
            case 4:
                fields |= {"client_assertion_type": ASSERTED, "client_assertion": self.asserted(sub=DEMO.id, prn=None)}
                return ()
            case 5:
                fields["client_id"] = self.one(CLI, DEMO.id, "stranger")
                return ()
            case _:
                value = self.one(
                    self.bearer(), "Basic", "Basic ", "Basic !!!", "Basic " + b64encode(b"no-colon").decode(),
                    basic(who.id, secret).rstrip("="), basic("", secret), basic(JANE.name, JANE.password),
                    basic(who.id, secret).replace("Basic", "basic"), "Basic " + b64encode(b"demo:\xff").decode(),
                )  # fmt: skip
                return (("authorization", value),)

    def asserted(self, **changed: object) -> str:
        """A signed assertion, right or wrong."""
        times = {"iat": self.service.config.epoch + self.now // 1000}
        wrong = self.chance.choice(({}, {}, {"aud": "x"}, {"exp": 1}, {"jti": None}, {"iss": "nobody"}))
        return assertion(**{**times, "exp": times["iat"] + 300, "jti": self.one("1", "2", "3"), **changed, **wrong})

    # Calls

    def send(self, request: Request) -> None:
        """Ask, and remember what was given."""
        headers = [*request.headers]
        if self.chance.random() < 0.1:
            name = self.one("cookie", "x-api-key", "x-note", "proxy-authorization", "authorization", "x-csrf-token")
            headers.append((name, self.one(*WORDS, self.bearer(), f"SID={self.some('access_token')}; lang=en")))
        self.now += self.chance.choice((1, 700, 6_000, 61_000))
        reply = self.service.serve(replace(request, headers=tuple(headers)), self.now)
        whole, *_ = reply.whole(self.now)
        self.service.tell(Replied(self.now, reply.x, whole, reply.latency))
        self.learn(whole)

    def learn(self, response: Response) -> None:
        """Remember what was given."""
        try:
            value = json.loads(response.body)
        except ValueError:
            value = None
        location = response.header("location") or ""
        if "code=" in location:
            self.given.setdefault("code", []).append(location.partition("code=")[2].partition("&")[0])
        stack: list[Json] = [value]
        while stack:
            match stack.pop():
                case dict() as members:
                    for name, part in members.items():
                        self.given.setdefault(name, []).append(part) if isinstance(part, str) else stack.append(part)
                case list() as parts:
                    stack += parts
                case _:
                    continue

    def post(self, path: str, fields: dict[str, str], headers: tuple[tuple[str, str], ...] = ()) -> None:
        """A form."""
        kind = self.one(*["application/x-www-form-urlencoded"] * 8, "application/x-www-form-urlencoded; charset=utf-8",
                        "application/json", "text/plain", "")  # fmt: skip
        query = "" if self.chance.random() < 0.9 else self.pairs({self.one("client_secret", "access_token", "q"): "x"})
        text = self.pairs(fields)
        body = text.encode("latin-1" if self.chance.random() < 0.05 else "utf-8", "replace")
        self.send(Request("POST", path, query, (*headers, *((("content-type", kind),) if kind else ())), body))

    def token(self) -> None:
        """Any grant."""
        grant = self.one("client_credentials", "client_credentials", "password", "refresh_token", "authorization_code",
                         DEVICE_GRANT, ASSERTION_GRANT, "", "nonsense")  # fmt: skip
        fields = {"grant_type": grant, "scope": self.scope()}
        headers = self.credentials(fields)
        match grant:
            case "password":
                fields |= {"username": JANE.name, "password": self.one(JANE.password, JANE.password, *WORDS)}
            case "refresh_token":
                fields["refresh_token"] = self.some("refresh_token")
            case "authorization_code":
                fields |= {"code": self.some("code"), "redirect_uri": REDIRECT,
                           "code_verifier": self.one(VERIFIER, VERIFIER, "short", "w" * 50)}  # fmt: skip
                if self.chance.random() < 0.5:
                    fields["client_id"] = CLI
                    headers = ()
            case _ if grant == DEVICE_GRANT:
                fields["device_code"] = self.some("device_code")
            case _ if grant == ASSERTION_GRANT:
                fields["assertion"] = self.asserted()
            case _:
                pass
        self.post(PATHS["token"], fields, headers)

    def scope(self) -> str:
        """A scope."""
        return self.one(SCOPE, SCOPE, f"{SCOPE} offline_access openid", service_scope("acme-test", "fscm"), "urn:x", "")

    def good_token(self) -> None:
        """A token, as it should be asked for."""
        body = urlencode({"grant_type": "client_credentials", "scope": SCOPE}).encode()
        kind = ("content-type", "application/x-www-form-urlencoded")
        self.send(Request("POST", PATHS["token"], "", (("authorization", basic(DEMO.id, DEMO.secret)), kind), body))

    def authorize(self) -> None:
        """A browser."""
        members = {
            "response_type": self.one("code", "code", "code", "token"), "client_id": self.one(CLI, CLI, DEMO.id, "app"),
            "redirect_uri": self.one(
                REDIRECT, REDIRECT, OOB, REDIRECT.replace("://", "://me:secret-word@"), "http://localhost:9/back",
                "https://a.example/?token=abcdefghij", "http://u:p@127.0.0.1:43188/callback?x=%41",
            ),
            "scope": self.scope(), "state": self.one("s", "s t&", *WORDS), "code_challenge_method": "S256",
            "code_challenge": self.one(challenge_of(VERIFIER), challenge_of(VERIFIER), VERIFIER, "x"),
            "nonce": self.chance.choice(WORDS), "answer": self.one("allow", "deny", "maybe"),
        }  # fmt: skip
        kept = {name: value for name, value in members.items() if self.chance.random() < 0.95}
        self.send(Request("GET", PATHS["authorize"], self.pairs(kept)))

    def device(self) -> None:
        """A device asks, or a person answers."""
        if self.chance.random() < 0.5:
            fields = {
                "client_id": self.one(DEMO.id, DEMO.id, "tv"),
                "scope": self.scope(),
                "response_type": "device_code",
            }
            return self.post(PATHS["device"], fields)
        code = self.some("user_code")
        if self.chance.random() < 0.3:
            return self.send(Request("GET", PATHS["device_page"], self.pairs({"user_code": code})))
        return self.post(
            PATHS["device_page"], {"user_code": code, "answer": self.one("approve", "approve", "deny", "")}
        )

    def about_tokens(self) -> None:
        """Introspection or revocation."""
        fields = {"token": self.some(self.one("access_token", "refresh_token", "id_token", "code"))}
        if self.chance.random() < 0.3:
            fields["token_type_hint"] = "access_token"
        self.post(PATHS[self.one("introspect", "revoke")], fields, self.credentials(fields))

    def relay(self) -> None:
        """The pod's own tokens."""
        login = ("authorization", self.one(basic(JANE.name, JANE.password), basic(JANE.name, "x"), self.bearer()))
        path = ROUTER.path(self.one("relay", "anticsrf", "relay-basic", "tokens"))
        headers = [login] if path.endswith(("rwdtools/tokenrelay", "tokens")) else []
        if self.chance.random() < 0.8:
            headers.append(("cookie", self.one("SID=abcdefgh-ijkl; lang=en", "x", *WORDS)))
        if self.chance.random() < 0.8:
            headers.append(("x-xsrf-token", self.some("xsrftoken")))
        query = self.pairs({"scopesfq": self.scope(), "servicetype": self.one("fusion-ai", "fscm", "x")})
        self.send(Request("GET", path, query, tuple(headers)))

    def said(self, path: str, members: dict[str, Json], *more: tuple[str, str]) -> None:
        """JSON with a bearer."""
        kind = self.one(*["application/json"] * 9, "text/plain", "application/x-www-form-urlencoded")
        headers = (("authorization", self.bearer()), ("content-type", kind), *more)
        query = "" if self.chance.random() < 0.9 else self.pairs({self.one("access_token", "invocationMode"): "x"})
        self.send(Request("POST", path, query, headers, self.json(members)))

    def invoke(self) -> None:
        """A job, a turn, or an answer."""
        members: dict[str, Json] = {"message": self.one("Taxi 42", "Taxi 7", *WORDS), "conversational": True}
        if self.chance.random() < 0.4:
            members["conversationId"] = self.some("conversationId")
        if self.chance.random() < 0.4:
            given: Json = {"messageInstanceId": self.some("callbackToken"), "userResponse": "APPROVE_ACTION"}
            members |= {"message": "", "jobId": self.some("jobId"), "resumeInput": given}
        if self.chance.random() < 0.3:
            members["parameters"] = {self.one("token", "sum", "secret"): self.chance.choice(WORDS)}
        key = (("idempotency-key", self.one("k-1", *WORDS)),) if self.chance.random() < 0.3 else ()
        self.said(f"{PATH}/{self.one('invokeAsync', 'invokeAsync', 'invokeStream', 'chat')}", members, *key)

    def good_invoke(self) -> None:
        """A job, asked for as it should be, if there is a token."""
        token = self.given.get("access_token", ["none"])[-1]
        headers = (("authorization", f"Bearer {token}"), ("content-type", "application/json"))
        self.send(
            Request("POST", f"{PATH}/invokeAsync", "", headers, b'{"message": "Taxi 42", "conversational": true}')
        )

    def status(self) -> None:
        """A poll."""
        job = self.chance.choice((quote, quote, quote_plus, str))(self.some("jobId"))
        slash = self.one("/", "/", "/", "//")
        query = self.pairs({"invocationMode": self.one("ADMIN", "x")}) if self.chance.random() < 0.2 else ""
        self.send(Request("GET", f"{PATH}{slash}status/{job}", query, (("authorization", self.bearer()),)))

    def documents(self) -> None:
        """Documents of design time."""
        file: dict[str, Json] = {"fileName": self.one("a.pdf", *WORDS), "fileContent": self.one("YWJj", "no base64!")}
        path = ROUTER.path(self.one("documents", "documents-batch", "documents-attach"))
        members = {"requests": [file]} if "batch" in path else file
        if "attach" in path:
            members = {
                "entityName": "e",
                "entityId": self.chance.choice(WORDS),
                "documentIds": [self.some("documentId")],
            }
        self.said(path, members)

    def lost(self) -> None:
        """A path that isn't there, or is published."""
        path = self.one(
            *PATHS.values(), f"/x/{quote(self.chance.choice(WORDS), safe='')}", f"/x/{self.some('access_token')}"
        )
        headers = (("authorization", self.bearer()),) if self.chance.random() < 0.5 else ()
        self.send(
            Request(self.one("GET", "POST", "PUT"), path, self.pairs({"token": self.some("access_token")}), headers)
        )


def sequence_of(number: int, kind: type[Sequence] = Sequence) -> Sequence:
    """The sequence of that number, taped to its end."""
    sequence = kind(number)
    for _ in range(sequence.chance.randint(3, 14)):
        getattr(sequence, sequence.chance.choice(kind.calls))()
    sequence.tape.close(sequence.now)
    return sequence


def replayed(number: int, kind: type[Sequence] = Sequence) -> ReplayResult:
    """What a replay of that sequence finds."""
    return replay(read(sequence_of(number, kind).data), [scenario()], name=str(number), clients=(DEMO, OTHER))


def main(count: int = 10_000, first: int = 0, kind: type[Sequence] = Sequence) -> int:
    """Play and replay that many; 1 if one of them differs."""
    failed = 0
    for number in range(first, first + count):
        try:
            result = replayed(number, kind)
        except RecordingError as fault:
            failed += 1
            print(f"{number}: {fault}")
            continue
        if not result.passed:
            failed += 1
            print(result.text())
    print(f"{failed} of {count} sequences don't replay")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
