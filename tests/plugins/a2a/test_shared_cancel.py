"""A lab of two processes: who is answered by one of them sees at once what the other was asked."""

import asyncio
import json

from lab.dialects.router import ROUTER
from tests.server.conftest import TEAM, Peer, bearer, request
from tests.server.test_shared_server import RunningStore, two
from tests.server.test_streaming import ask, chunk, event


async def test_a_stream_of_one_process_ends_once_its_job_is_cancelled_at_another() -> None:
    async with two(RunningStore()) as (one, other):
        token = await one.token()
        peer = Peer(*await asyncio.open_connection("127.0.0.1", one.port))
        await peer.send(ask(token, "stream", {"message": "Share it"}))
        await peer.reader.readuntil(b"\r\n\r\n")
        job = str(event(await chunk(peer.reader))["jobId"])
        call = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tasks/cancel", "params": {"id": job}}).encode()
        headers = (bearer(token), ("content-type", "application/json"))
        answer = await other.call(request("POST", ROUTER.path("a2a", code=TEAM), headers, call))
        assert answer.json["result"]["status"]["state"] == "canceled"
        last = event(await asyncio.wait_for(chunk(peer.reader), 5))
        assert (last["status"], last["error"]) == ("ERROR", "The job was cancelled.")
        peer.writer.close()
