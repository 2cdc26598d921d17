"""The control plane's routes for tenants: list, make, end (control-plane.md §9)."""

from collections.abc import Mapping

from aiohttp import web

from lab.core.exchange import Json
from lab.mock.config import TENANT_PATH
from lab.server.control.access import OF_TENANT, CommandRefused, Handler
from lab.server.control.commands import MakeTenant, command_in
from lab.server.labs import NAME_RULE, TENANT_NAME, LabRefused, LabWish, ServedLab
from lab.server.mock_server import MockServer

OF_THE_LAB = ("tenants", "make_tenant", "end_tenant", "virtual_time", "ready")
"""Routes that no tenant has, by their names."""


_LONGEST_SHOWN = 200
"""Characters of names of scenarios that a refusal repeats."""


class TenantCommands:
    """Handlers for one server."""

    def __init__(self, server: MockServer) -> None:
        self._server = server
        self.handlers: Mapping[str, Handler] = {
            "tenants": self._list,
            "make_tenant": self._make,
            "end_tenant": self._end,
        }
        """By the names of their routes."""

    async def _list(self, request: web.Request) -> Json:
        return {"tenants": [self._document(each) for each in await self._server.labs.listed()]}

    async def _make(self, request: web.Request) -> Json:
        """The tenant, made unless it is there; what it is then isn't changed."""
        said = await command_in(request, MakeTenant)
        if not TENANT_NAME.fullmatch(said.name):  # a line break may stand at its end
            raise CommandRefused(400, f"{said.name[:80]!r} is no name of a tenant.", NAME_RULE)
        wish = LabWish(said.name, said.seed, said.scenarios and tuple(dict.fromkeys(said.scenarios)))
        try:
            tenant = await self._server.labs.make(wish)
        except LabRefused as refused:
            raise CommandRefused.says(refused.refusal) from None
        _check_same(tenant, wish)
        return {**self._document(LabWish.fulfilled(tenant)), "control_token": tenant.token}

    async def _end(self, request: web.Request) -> Json:
        name = request.match_info["name"]
        if not await self._server.labs.end(name):
            problem = self._server.labs.unknown(name)
            raise CommandRefused(problem.status, problem.message, "GET /_lab/tenants lists them.")
        return {"ok": True, "name": name}

    def _document(self, wish: LabWish) -> dict[str, Json]:
        tenant, more = self._server.labs.named.get(wish.name), {}
        if tenant is not None and not tenant.calls.shared:  # of a shared lab others know more of it
            more = {"now": tenant.clock.now(), "exchanges": sum(each.service.exchanges for each in tenant)}
        base_url = f"{self._server.public_origin}{TENANT_PATH}{wish.name}"
        scenarios: list[Json] = [*(wish.scenarios or ())]
        return {"name": wish.name, "base_url": base_url, "seed": wish.seed, "scenarios": scenarios, **more}


def of_the_lab(handler: Handler) -> Handler:
    """The handler, of a route that no tenant has."""

    async def handle(request: web.Request) -> Json | web.StreamResponse:
        if OF_TENANT in request:
            raise CommandRefused(404, "A tenant has no such route.", f"The lab itself has it: {request.path}.")
        return await handler(request)

    return handle


def _check_same(tenant: ServedLab, wish: LabWish) -> None:
    """CommandRefused, with both values, if the tenant that is there isn't what is wished for."""
    own = LabWish.fulfilled(tenant)
    differs: list[str] = []
    if wish.seed not in (None, own.seed):
        differs.append(f"seed {own.seed}, not {wish.seed}")
    if wish.scenarios is not None and {*wish.scenarios} != {*(own.scenarios or ())}:
        differs.append(f"scenarios {_brief(own.scenarios or ())}, not {_brief(wish.scenarios)}")
    if differs:
        hint = f"DELETE /_lab/tenants/{tenant.name} ends it, so that it can be made anew."
        raise CommandRefused(409, f"The tenant {tenant.name} is there with {' and '.join(differs)}.", hint)


def _brief(names: tuple[str, ...]) -> str:
    """The names, of many the beginning."""
    text = " ".join(names)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}... ({len(names)})"
