"""A tenant of a lab that several processes serve: any of them reports of its clients."""

from pathlib import Path

from tests.cli.test_shared_tenants import loop_of, shared, two
from tests.stores.memory_store import MemoryStore

__all__ = ["shared"]


async def test_any_process_reports_of_a_tenant(tmp_path: Path, shared: MemoryStore) -> None:
    async with two(tmp_path, shared, 2) as labs:
        token, started = await labs[0].started("/t/ann")
        assert await labs[1].polled(token, str(started.json["jobId"]), "/t/ann") == 200
        for each in labs:
            await loop_of(each).relay.publish()
        reports = [(await each.control("GET", "t/ann/report?over=1")) for each in labs]
        assert [each.status for each in reports] == [200, 200]
        assert reports[0].json["score"] == reports[1].json["score"]
