"""The tenants of a shared lab in memory, for tests: each has a store of its own, which fails as that of the lab does."""

from collections.abc import Mapping, Sequence

from lab.core.journal.shared import Commit, KeptTenant, LogPlace, StoreLost
from tests.stores.memory_store import MemoryStore, MemoryStoreAccess


class MemoryTenants:
    """What is shared: the tenants of a lab whose own store is `lab`."""

    def __init__(self, lab: MemoryStore) -> None:
        self.lab = lab
        self.kept: dict[str, KeptTenant] = {}
        self.stores: dict[str, MemoryStore] = {}
        self.called = set[str]()
        self.changes = 0

    def process(self) -> "MemoryTenantsAccess":
        """Another process's access."""
        return MemoryTenantsAccess(self)


class MemoryTenantsAccess:
    """One process's access to them: `SharedTenants`."""

    def __init__(self, shared: MemoryTenants) -> None:
        self._shared = shared

    async def _reach(self) -> None:
        await self._shared.lab.gate.wait()
        if self._shared.lab.gone:
            raise StoreLost("the store doesn't answer: memory://test")

    async def make(self, name: str, document: bytes, most: int, most_called: int | None = None) -> KeptTenant | int:
        """It, made if it isn't there."""
        await self._reach()
        shared = self._shared
        if name not in shared.kept:
            if len(shared.kept) >= most:
                return len(shared.kept)
            if most_called is not None:
                if len(shared.called) >= most_called:
                    return len(shared.called)
                shared.called.add(name)
            shared.changes += 1
            shared.kept[name] = KeptTenant(f"{shared.lab.wall}.{shared.changes}", shared.lab.wall, document)
            store = shared.stores[shared.kept[name].birth] = type(shared.lab)()
            store.take(LogPlace(), Commit(1, "", 0, 0, store.wall, ()))
        return shared.kept[name]

    async def find(self, name: str) -> KeptTenant | None:
        """It, if it is there."""
        await self._reach()
        return self._shared.kept.get(name)

    async def all(self) -> Mapping[str, KeptTenant]:
        """Every one."""
        await self._reach()
        return dict(self._shared.kept)

    async def end(self, name: str) -> bool:
        """Give it up."""
        await self._reach()
        if (kept := self._shared.kept.pop(name, None)) is None:
            return False
        self._shared.called.discard(name)
        self._shared.stores[kept.birth].ended = True
        return True

    async def ended(self, births: Mapping[str, str]) -> Sequence[str]:
        """Which of them are gone."""
        await self._reach()
        kept = self._shared.kept
        return [name for name, birth in births.items() if name not in kept or kept[name].birth != birth]

    def store(self, name: str, kept: KeptTenant) -> MemoryStoreAccess:
        """That of a tenant."""
        return self._shared.stores[kept.birth].process()
