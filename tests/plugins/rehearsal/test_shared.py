"""A lab that several processes serve: what any of them reports of clients is about the whole lab."""

import asyncio

from tests.server.conftest import status
from tests.server.test_shared_server import shared, two
from tests.stores.memory_store import MemoryStore

__all__ = ["shared"]


async def test_any_process_reports_of_the_whole_lab(shared: MemoryStore) -> None:
    async with two(shared) as (one, other):
        token, second = await one.token(), await other.token()
        job = await one.job(token)
        decision = {"gate": "consent", "verdict": "approved", "by": "jane"}
        assert (await other.control("POST", "clock", {"job": job, "until": "WAITING"})).status == 200
        assert (await one.call(status(second, job))).json["status"] == "WAITING"
        # each process knows the other's clock to a millisecond or so, so calls whose order is judged lie further apart
        assert (await one.control("POST", f"jobs/{job}/decisions", decision)).status == 200
        assert (await other.call(status(token, job))).json["status"] == "COMPLETE"
        await asyncio.gather(one.calls.loop.relay.publish(), other.calls.loop.relay.publish())
        reports = [(await each.control("GET", "report?over=1")).json for each in (one, other)]
        verdicts = [[(rule["rule"], rule["verdict"]) for rule in report["rules"]] for report in reports]
        assert verdicts[0] == verdicts[1] and reports[0]["score"] == reports[1]["score"]
