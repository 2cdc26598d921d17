"""A rolling restart of the composed labs under load: `python -m tests.deployed.rolling` prints what clients got."""

import asyncio
import http.client
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.jobs.facts import GateDecided, JobAccepted
from lab.stores.address import store_address
from lab.stores.redis_log import open_store
from tests.conftest import ROOT
from tests.deployed.by_hand import ComposeServices, composed
from tests.deployed.load import CONTROL_TOKEN, ClientCounts, load
from tests.stores.test_many_processes import commits_of

COMPOSE = ROOT / ".github" / "team" / "compose.yaml"
LABS = ("lab-1", "lab-2", "lab-3")
PROXY = "lab"
PACE = "--clock=scaled:5"
"""A job takes three seconds, of which a gate is open for one."""


def probed(address: str, what: str, port: int = 8081) -> int:
    """What a control plane says to somebody without a token; 0 if nobody is there."""
    connection = http.client.HTTPConnection(address, port, timeout=5)
    try:
        connection.request("GET", f"/_lab/{what}")
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def begin(services: ComposeServices) -> None:
    """Start all, in the order of what needs what."""
    services.start("redis")
    for name in (*LABS, PROXY):
        services.start(name)
    for name in (*LABS, PROXY):
        services.wait_for(lambda name=name: probed(services.address[name], "ready") == 200)  # type: ignore[misc]
    # the proxy finds out for each of its two ports by itself which labs are ready; at the API's no lab has that path
    services.wait_for(lambda: probed(services.address[PROXY], "ready", 8080) == 404)


def roll(services: ComposeServices) -> dict[str, list[int]]:
    """Restart the labs one after the other; what each said of being ready and of its health on the way down, and its exit code."""
    found = {}
    for name in LABS:
        address, process = services.address[name], services.end(name)
        while (ready := probed(address, "ready")) == 200:
            pass  # the signal is on its way
        found[name] = [ready, probed(address, "health"), process.wait(timeout=20)]
        services.start(name)
        services.wait_for(lambda address=address: probed(address, "ready") == 200)  # type: ignore[misc]
    return found


async def committed(services: ComposeServices) -> tuple[Counter[str], Counter[str]]:
    """How often each job was accepted, and decided, by what the store holds."""
    store = await open_store(store_address(f"redis://{services.address['redis']}:6379/0"), "lab")
    facts = [fact async for commit in commits_of(store) for fact in commit.facts]
    await store.close()
    jobs = Counter(str(fact.job) for fact in facts if isinstance(fact, JobAccepted))
    return jobs, Counter(str(fact.job) for fact in facts if isinstance(fact, GateDecided))


def rolled(folder: Path) -> tuple[ClientCounts, dict[str, list[int]], tuple[Counter[str], Counter[str]]]:
    """What clients got, what `roll` found, and what was `committed`."""
    counts = ClientCounts()
    with composed(COMPOSE, folder, {"LAB_CONTROL_TOKEN": CONTROL_TOKEN}, [PACE, "--log=none"]) as services:
        begin(services)
        with load(services.address[PROXY], counts):
            found = roll(services)
        return counts, found, asyncio.run(committed(services))


def main() -> int:
    """1 if something that was acknowledged is missing, or an answer was 5xx or lost."""
    with TemporaryDirectory() as folder:
        counts, found, (jobs, decided) = rolled(Path(folder))
    say = sys.stdout.write
    say(f"{counts.text()}\non the way down (ready, health, exit code): {found}\n")
    lost = (counts.jobs - jobs.keys()) | (counts.decided - decided.keys())
    doubled = {job for each in (jobs, decided) for job, count in each.items() if count > 1}
    say(f"lost: {len(lost)}; twice there: {len(doubled)}\n")
    return int(bool(lost or doubled or counts.failed))


if __name__ == "__main__":
    sys.exit(main())
