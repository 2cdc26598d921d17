"""The tenants of a lab that several processes serve: each is made and ended by a commit of the lab's log, at all of them."""

from lab.cli.console import Console
from lab.cli.entropy import control_token
from lab.cli.serve.hints import client_hints
from lab.cli.serve.serve_extras import ServeExtras
from lab.cli.serve.served_labs import LabParts
from lab.cli.serve.shared_lab import instant_zero
from lab.cli.setup import Setup, make_clock
from lab.core.clock import Millis
from lab.core.journal.fact import LabEnded, LabMade
from lab.core.journal.shared import LabState
from lab.mock.batches import BatchedService
from lab.mock.config import TENANT_PATH
from lab.server.labs import LabRefused, LabWish, ServedLab
from lab.server.shared.batch_loop import LabCalls
from lab.server.shared.lab_time import LabTime


class SharedTenants(LabParts):
    """Those of a shared lab, whichever process has made them."""

    def __init__(self, setup: Setup, console: Console, extras: ServeExtras, usual: ServedLab) -> None:
        super().__init__(setup, console, extras, usual)
        assert isinstance(usual.calls, LabCalls)
        self._loop = usual.calls.loop
        self._loop.make_tenant, self._loop.end_tenant = self._serve, self._leave

    async def new_tenant(self, wish: LabWish, *, called: bool) -> ServedLab:
        """The same at whatever process it is wished for: the first wish counts."""
        config = self.config(wish, 0)
        names, token = tuple(each.name for each in config.scenarios), control_token()

        def make(now: Millis) -> None:
            if wish.name in self.named:
                return
            self.check_room(called=called)
            fact = LabMade(
                at=now,
                place=config.prefix,
                making=self._loop.making,
                seed=config.seed,
                scenarios=names,
                token=token,
                called=called,
            )
            self.usual.service.note(fact)

        await self._loop.run(self._loop.usual, make, last=True)
        if (tenant := self.named.get(wish.name)) is None:
            raise LabRefused(self.unknown(wish.name))  # it was ended at once
        return tenant

    async def end(self, name: str) -> bool:
        """No process has it from now on."""

        def end(now: Millis) -> bool:
            if (tenant := self.named.get(name)) is not None:
                self.usual.service.note(LabEnded(at=now, place=tenant.place))
            return tenant is not None

        return await self._loop.run(self._loop.usual, end, last=True)

    def _serve(self, state: LabState) -> LabCalls:
        birth = state.birth
        assert birth is not None
        wish = LabWish(birth.place.removeprefix(TENANT_PATH), birth.seed, birth.scenarios)
        epoch, began = instant_zero(self._setup, state.wall)
        clock = make_clock(self._setup.settings.clock)
        service = self._setup.make_service(self.config(wish, epoch, birth.making))
        assert isinstance(service, BatchedService)
        service.observers += client_hints(self._console, clock.mode, service)
        calls = LabCalls(self._loop, service, LabTime(clock, began), state)
        lab = ServedLab(service, clock, name=wish.name, calls=calls)
        lab.token = birth.token
        if birth.called:
            self._called.add(lab)
        self.begin(lab)
        return calls

    def _leave(self, calls: LabCalls) -> None:
        self.let_go(next(each for each in self.named.values() if each.calls is calls))
