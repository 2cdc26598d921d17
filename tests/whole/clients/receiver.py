"""A client that is heard of its jobs by callbacks, in one loop of asyncio; run with one word, it makes that mistake.

no-signature  believes any signature          doubles   works again on what it has worked on
old           believes any timestamp          believes  takes an end for one without looking at the job
no-polls      waits for a callback alone      works     looks at the job before it answers
slow          answers after twenty seconds    deaf      listens elsewhere

and, which is none: with `busy` it polls by itself too, answers after a while, and looks at the job then, though it has seen
its end.
"""

import asyncio
import hmac
import json
import os
import sys
import time
from base64 import b64decode, b64encode
from http.client import HTTPConnection
from urllib.parse import urlencode, urlsplit

UNIT = float(os.environ.get("UNIT", "1"))
"""Seconds: of which its patience is made."""
MISTAKE = sys.argv[1] if len(sys.argv) > 1 else ""
BASE = os.environ["LAB_BASE_URL"]
KEY = b64decode(os.environ["LAB_NOTIFY_SECRET"].removeprefix("whsec_"))
API = f"/api/fusion-ai/orchestrator/agent/v2/{os.environ['LAB_AGENT_CODE']}"


CONNECTION = HTTPConnection(urlsplit(BASE).netloc)


def call(method, path, headers, body=b""):
    CONNECTION.request(method, path, body, {"accept": "application/json", **headers})
    answer = CONNECTION.getresponse()
    return answer.status, json.loads(answer.read() or b"null")


class Client:
    def __init__(self):
        self.seen, self.news, self.job, self.status = set(), asyncio.Queue(), None, None

    async def token(self):
        form = {"grant_type": "client_credentials", "scope": os.environ["LAB_SCOPE"]}
        login = b64encode(f"{os.environ['LAB_CLIENT_ID']}:{os.environ['LAB_CLIENT_SECRET']}".encode()).decode()
        headers = {"authorization": f"Basic {login}", "content-type": "application/x-www-form-urlencoded"}
        _, answer = call("POST", urlsplit(os.environ["LAB_TOKEN_URL"]).path, headers, urlencode(form).encode())
        self.bearer = {"authorization": f"Bearer {answer['access_token']}"}

    async def look(self):
        _, answer = call("GET", f"{API}/status/{self.job}", self.bearer)
        self.status = answer["status"]

    def verified(self, headers, body):
        content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        mine = "v1," + b64encode(hmac.digest(KEY, content, "sha256")).decode()
        if MISTAKE != "no-signature" and not hmac.compare_digest(mine, headers["webhook-signature"]):
            return False
        return MISTAKE == "old" or abs(int(headers["webhook-timestamp"]) - time.time()) < 300

    async def receive(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode().split("\r\n")[1:-2]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
        good = self.verified(headers, body)
        fresh = headers["webhook-id"] not in self.seen
        if good and fresh and MISTAKE == "works" and self.status != "COMPLETE":
            await self.look()
        if good and MISTAKE == "slow":
            await asyncio.sleep(20)
        if good and fresh and MISTAKE == "busy" and b"COMPLETE" in body:
            await asyncio.sleep(4)
        writer.write(b"HTTP/1.1 %d X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % (204 if good else 401))
        try:
            await writer.drain()
        finally:
            writer.close()
        if good and (MISTAKE == "doubles" or fresh):
            self.seen.add(headers["webhook-id"])
            self.news.put_nowait((body, fresh))

    async def until_told(self, patience):
        """What a callback says, and whether it is the first of its id; None: none came."""
        try:
            body, fresh = await asyncio.wait_for(self.news.get(), patience)
        except TimeoutError:
            return None
        try:
            return json.loads(body)["data"], fresh
        except ValueError:
            return {}, fresh

    async def run(self):
        where = urlsplit(os.environ["LAB_NOTIFY_URL"])
        server = await asyncio.start_server(self.receive, where.hostname, 0 if MISTAKE == "deaf" else where.port)
        async with server:
            await self.token()
            ask = json.dumps({"message": os.environ["LAB_ASK"]}).encode()
            headers = {**self.bearer, "content-type": "application/json"}
            _, answer = call("POST", f"{API}/invokeAsync", headers, ask)
            self.job = answer["jobId"]
            while True:
                heard = await self.until_told({"no-polls": 60, "busy": 2}.get(MISTAKE, 5) * UNIT)
                if MISTAKE == "no-polls" and heard is None:
                    return 1
                if MISTAKE == "believes" and heard and heard[0].get("status") == "COMPLETE":
                    return 0
                if MISTAKE != "works" or heard is None:
                    await self.look()
                if self.status == "COMPLETE":
                    break
            end = time.time() + (60 if MISTAKE == "slow" else 8) * UNIT
            while time.time() < end and (heard := await self.until_told(end - time.time())) is not None:
                if (MISTAKE == "doubles" and not heard[1]) or (MISTAKE == "busy" and heard[1]):
                    await self.look()
            return 0


sys.exit(asyncio.run(Client().run()))
