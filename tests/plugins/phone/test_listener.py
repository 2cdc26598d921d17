"""Phones decide: the listener with its two routes, over real sockets (limits.md §7)."""

import re
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from http.client import HTTPConnection
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientResponse, ClientSession
from msgspec.structs import replace

from lab.clocks import ManualClock
from lab.plugins.phone.gates import PhoneGates
from lab.plugins.phone.listener import MOST_A_SECOND, PhoneServer
from lab.plugins.phone.page import PhoneQuestion
from lab.server.limits import ServerLimits
from lab.server.listener import address_for_others
from tests.conftest import each_row

ANSWERS = (("approved", "Approve"), ("rejected", "Reject"), ("changes-requested", "Request <i>changes</i>"))


QUESTION = PhoneQuestion('Share <script>alert("prices")</script> & more?', ANSWERS, "Say what <b>else</b>.", 3_725_000)


class Gates(PhoneGates):
    """One gate, of the code ABC234."""

    def __init__(self) -> None:
        self.question = QUESTION
        self.decisions: list[tuple[str, str]] = []
        self.refusal: str | None = None

    def look(self, code: str) -> PhoneQuestion | None:
        return self.question if code == "ABC234" else None

    async def decide(self, code: str, verdict: str, comment: str) -> str | None:
        assert code == "ABC234"
        if self.refusal is None:
            self.decisions.append((verdict, comment))
            self.question = replace(self.question, decided=f"decided: {verdict}")
        return self.refusal


class Served(NamedTuple):
    """The page, who calls it, and real time as the page counts it."""

    origin: str
    gates: Gates
    session: ClientSession
    now: list[int]

    async def get(self, path: str = "/G/ABC234") -> tuple[int, str]:
        async with self.session.get(self.origin + path) as answer:
            return answer.status, await answer.text()

    async def post(
        self, path: str = "/G/ABC234", headers: dict[str, str] | None = None, **form: str
    ) -> tuple[int, str]:
        async with self.session.post(self.origin + path, data=form, headers=headers, allow_redirects=False) as answer:
            return answer.status, await answer.text()


@asynccontextmanager
async def page() -> AsyncIterator[Served]:
    gates, now = Gates(), [0]
    server = PhoneServer(ManualClock(), ServerLimits(), 0, gates, lambda: now[0])
    origin = await server.start()
    async with ClientSession() as session:
        yield Served(origin, gates, session, now)
    await server.stop(100)
    assert server.bugs.count == 0


async def test_a_phone_reads_the_question_and_nothing_that_runs_or_comes_from_elsewhere() -> None:
    async with page() as served:
        answer: ClientResponse
        async with served.session.get(served.origin + "/g/abc234") as answer:
            text = await answer.text()
        assert answer.status == 200 and answer.headers["cache-control"] == "no-store"
        policy = answer.headers["content-security-policy"]
        style = b64encode(sha256(text.partition("<style>")[2].partition("</style>")[0].encode()).digest()).decode()
        assert (
            policy.startswith(f"default-src 'none'; style-src 'sha256-{style}'; ")
            and "frame-ancestors 'none'" in policy
        )
        assert "Share &lt;script&gt;alert(&#34;prices&#34;)&lt;/script&gt; &amp; more?" in text
        assert "Request &lt;i&gt;changes&lt;/i&gt;" in text and "Say what &lt;b&gt;else&lt;/b&gt;." in text
        assert "1:02:05 left" in text
        assert not re.search(r"<script|<i>|<b>|<img|<link|src=|href=|://|url\(|@import| on\w+=", text)
        assert text.count('<form method="post">') == 3 and text.count("<textarea") == 1


async def test_the_first_answer_decides_and_a_late_phone_reads_it() -> None:
    async with page() as served:
        async with served.session.post(served.origin + "/G/ABC234", data={"verdict": "approved"}) as answer:
            assert answer.status == 200 and [each.status for each in answer.history] == [303]
            text = await answer.text()
        assert "decided: approved" in text and "<form" not in text
        status, text = await served.post(verdict="rejected")
        assert status == 409 and "decided: approved" in text and "before your answer came" in text
        assert await served.get() == (200, (await served.get())[1]) and served.gates.decisions == [("approved", "")]


async def test_what_is_refused_elsewhere_is_told_and_the_buttons_stay() -> None:
    async with page() as served:
        served.gates.refusal = "Somebody was <faster>."
        status, text = await served.post(verdict="approved")
        assert status == 409 and "Somebody was &lt;faster&gt;." in text and "<form" in text


async def test_changes_go_with_their_text() -> None:
    async with page() as served:
        assert (await served.post(verdict="changes-requested", comment=" Größer, bitte \n"))[0] == 303
        assert served.gates.decisions == [("changes-requested", "Größer, bitte")]


@each_row(
    ("method", "path", "form", "status"),
    [
        ("GET", "/G/ABC235", {}, 404), ("POST", "/G/ABC235", {"verdict": "approved"}, 404), ("GET", "/", {}, 404),
        ("GET", "/G/", {}, 404), ("GET", "/G/ABC234/", {}, 404), ("GET", "/_lab/health", {}, 404),
        ("PUT", "/G/ABC234", {"verdict": "approved"}, 405),
        ("HEAD", "/G/ABC234", {}, 405), ("OPTIONS", "/G/ABC234", {}, 405), ("POST", "/G/ABC234", {}, 400),
        ("POST", "/G/ABC234", {"verdict": "timed-out"}, 400), ("POST", "/G/ABC234", {"verdict": "changes-requested"}, 400),
        ("POST", "/G/ABC234", {"verdict": "changes-requested", "comment": "  "}, 400),
        ("POST", "/G/ABC234", {"verdict": "approved", "comment": "x" * 501}, 400),
        ("POST", "/G/ABC234", {"verdict": "approved", "comment": "x" * 1_000_000}, 413),
    ],
)  # fmt: skip
async def test_whatever_else_comes_decides_nothing(method: str, path: str, form: dict[str, str], status: int) -> None:
    async with page() as served:
        async with served.session.request(
            method, served.origin + path, data=form or None, allow_redirects=False
        ) as answer:
            assert answer.status == status and ("allow" in answer.headers) == (status == 405)
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert served.gates.decisions == []


@each_row(
    ("headers", "body", "status"),
    [
        ({"content-type": "application/json"}, b'{"verdict": "approved"}', 400),
        ({"content-type": "application/x-www-form-urlencoded"}, b"verdict=%ff", 400),
        ({"content-type": "application/x-www-form-urlencoded"}, b"\xff\xfe", 400),
        ({"content-type": "application/x-www-form-urlencoded"}, b"&a=b" * 20 + b"&verdict=approved", 400),
        ({"content-type": "application/x-www-form-urlencoded", "origin": "http://evil.example"}, b"verdict=approved", 403),
        ({"content-type": "application/x-www-form-urlencoded", "origin": "null"}, b"verdict=approved", 403),
    ],
)  # fmt: skip
async def test_a_body_that_is_no_form_of_this_page_decides_nothing(
    headers: dict[str, str], body: bytes, status: int
) -> None:
    async with page() as served:
        async with served.session.post(served.origin + "/G/ABC234", data=body, headers=headers) as answer:
            assert answer.status == status
        assert served.gates.decisions == []
        assert (await served.post(headers={"origin": served.origin}, verdict="approved"))[0] == 303


async def test_so_many_answers_and_guesses_a_second_and_no_more() -> None:
    async with page() as served:
        served.gates.refusal = "Not yet."
        for status in (409,) * MOST_A_SECOND + (429,):
            assert (await served.post(verdict="no"))[0] == 400, "what isn't offered costs others nothing"
            assert (await served.post(verdict="approved"))[0] == status
        served.gates.refusal = None
        assert [(await served.get("/G/WRONG2"))[0] for _ in range(MOST_A_SECOND + 1)] == [404] * MOST_A_SECOND + [429]
        assert (await served.get())[0] == 200, "whoever has the code reads on"
        served.now[0] = 999
        assert (await served.post(verdict="approved"))[0] == 429 and served.gates.decisions == []
        served.now[0] = 1_000
        assert (await served.post(verdict="approved"))[0] == 303


async def test_what_is_no_request_is_refused_and_the_page_goes_on() -> None:
    from asyncio import to_thread

    def nonsense(origin: str) -> int:
        place = urlsplit(origin)
        connection = HTTPConnection(str(place.hostname), place.port or 0, timeout=10)
        connection.putrequest("GET", "/G/ABC234", skip_host=True)
        connection.putheader("Bad\x00Header", "x")
        connection.endheaders()
        return connection.getresponse().status

    async with page() as served:
        assert await to_thread(nonsense, served.origin) == 400
        assert (await served.get())[0] == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_every_address_is_named_by_one_that_others_reach(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = address_for_others(host)
    assert found is None or not (ip_address(found).is_loopback or ip_address(found).is_unspecified)
    assert address_for_others("192.168.1.5") == "192.168.1.5"

    class Nowhere:
        def __init__(self, *_: object) -> None:
            raise OSError("no network")

    monkeypatch.setattr("socket.socket", Nowhere)
    assert address_for_others(host) is None
