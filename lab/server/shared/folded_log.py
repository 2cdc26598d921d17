"""The log of a shared lab, read from its snapshot on and folded: what all labs hold, and by what time they live."""

from collections.abc import Iterable

from msgspec.structs import replace

from lab.clocks import breathe
from lab.core.clock import Millis
from lab.core.journal.fact import ClockScaled, LabEnded, LabMade, Record
from lab.core.journal.ledger import MemoryLedger
from lab.core.journal.shared import (
    PIECE,
    Behind,
    Commit,
    LabKey,
    LabState,
    LogPlace,
    Pace,
    SharedStore,
    Snapshot,
    StoreUnreadable,
)


async def read_log(store: SharedStore, before: LogPlace | None = None) -> tuple[Snapshot, Millis]:
    """All records as they are now, and what the store's clock says: the last snapshot, and what was committed since."""
    kept = await store.snapshot()
    place, states, ledgers = kept.place, dict(kept.labs), dict[LabKey, MemoryLedger]()
    for key, state in states.items():
        ledgers[key] = MemoryLedger()
        ledgers[key].replace(state.records)
    while True:
        answer = await store.sync(place)
        if isinstance(answer, Behind):
            if kept.place == before:
                raise StoreUnreadable(f"{answer.why}, and has no snapshot behind which they go on.")
            return await read_log(store, kept.place)  # a newer one was kept meanwhile, or the store was set back
        for commit in answer.commits:
            place, key = commit.place, commit.lab
            if key not in states:
                raise StoreUnreadable(f"The log has commit {place.position} of {key}, which isn't there.")
            ledgers[key].commit(commit.facts)
            states[key] = replace(states[key], at=commit.at, pace=pace_after(commit) or states[key].pace)
            for fact in commit.facts:
                if isinstance(fact, LabMade):
                    states[lab_key(fact)], ledgers[lab_key(fact)] = (
                        LabState(birth=fact, wall=commit.wall),
                        MemoryLedger(),
                    )
                elif isinstance(fact, LabEnded):
                    del states[key_at(states, fact.place)]
        if len(answer.commits) < PIECE:
            labs = {key: replace(each, records=dict(ledgers[key].of(Record))) for key, each in states.items()}
            return Snapshot(place, labs), answer.wall
        await breathe()


def lab_key(birth: LabMade) -> LabKey:
    """Where the commits of a tenant are known by."""
    return f"{birth.place}/{birth.making}"


def key_at(labs: Iterable[LabKey], place: str) -> LabKey:
    """That of the tenant which is there."""
    return next(key for key in labs if key.rpartition("/")[0] == place)


def pace_after(commit: Commit) -> Pace | None:
    """The pace that the commit gives its lab's clock; None: it leaves it."""
    scaled = (Pace(fact.factor, fact.at, commit.wall) for fact in commit.facts if isinstance(fact, ClockScaled))
    return next(scaled, None)
