"""The control plane's routes for tenants: list, make, end (control-plane.md §9)."""

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from lab.control import EndTenant, ListTenants, MakeTenant, Named, Tenant, Tenants
from lab.core.routes import TENANT_NAME
from lab.mock.config import TENANT_PATH
from lab.server.control.observed import RouteContext
from lab.server.control.reading import CommandRefused
from lab.server.labs import NAME_RULE, LabRefused, LabWish, ServedLab

_NOT_HERE: int | UnsetType = UNSET
_LONGEST_SHOWN = 200
"""Characters of names of scenarios that a refusal repeats."""


async def list_tenants(context: RouteContext, command: ListTenants) -> Tenants:
    return Tenants([_shown(context, each) for each in await context.server.labs.listed()])


async def make_tenant(context: RouteContext, command: MakeTenant) -> Tenant:
    """The tenant, made unless it is there; what it is then isn't changed."""
    if not TENANT_NAME.fullmatch(command.name):  # a line break may stand at its end
        raise CommandRefused(400, f"{command.name[:80]!r} is no name of a tenant.", NAME_RULE)
    wish = LabWish(command.name, command.seed, command.scenarios and tuple(dict.fromkeys(command.scenarios)))
    try:
        tenant = await context.server.labs.make(wish)
    except LabRefused as refused:
        raise CommandRefused.of(refused.refusal) from None
    _check_same(tenant, wish)
    return replace(_shown(context, tenant), control_token=tenant.token)


async def end_tenant(context: RouteContext, command: EndTenant) -> Named:
    labs = context.server.labs
    if not await labs.end(command.name):
        problem = labs.unknown(command.name)
        raise CommandRefused(problem.status, problem.message, "GET /_lab/tenants lists them.")
    return Named(True, command.name)


def _shown(context: RouteContext, tenant: ServedLab) -> Tenant:
    now, exchanges, config = _NOT_HERE, _NOT_HERE, tenant.service.config
    if not tenant.calls.shared:  # of a shared lab others know more of it
        now, exchanges = tenant.clock.now(), sum(each.service.exchanges for each in tenant)
    name, scenarios = tenant.name or "", [each.name for each in config.scenarios]
    return Tenant(name, f"{context.server.public_origin}{TENANT_PATH}{name}", config.seed, scenarios, now, exchanges)


def _check_same(tenant: ServedLab, wish: LabWish) -> None:
    """CommandRefused, with both values, if the tenant that is there isn't what is wished for."""
    config, differs = tenant.service.config, list[str]()
    served = tuple(each.name for each in config.scenarios)
    if wish.seed not in (None, config.seed):
        differs.append(f"seed {config.seed}, not {wish.seed}")
    if wish.scenarios is not None and {*wish.scenarios} != {*served}:
        differs.append(f"scenarios {_brief(served)}, not {_brief(wish.scenarios)}")
    if differs:
        hint = f"DELETE /_lab/tenants/{tenant.name} ends it, so that it can be made anew."
        raise CommandRefused(409, f"The tenant {tenant.name} is there with {' and '.join(differs)}.", hint)


def _brief(names: tuple[str, ...]) -> str:
    """The names, of many the beginning."""
    text = " ".join(names)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}... ({len(names)})"
