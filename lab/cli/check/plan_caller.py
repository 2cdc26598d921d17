"""For whom `lab check --plan --as USER` plans: a user whom the settings know, and a client by which that user asks."""

from collections.abc import Iterable

from msgspec import Struct

from lab.core.errors import UsageError
from lab.identity.clients import Account, Client, Grant
from lab.jobs.plan import JobUser
from lab.program.callers import Callers
from lab.program.scenario import Scenario

_BY_USERS = (Grant.PASSWORD, Grant.CODE, Grant.DEVICE, Grant.ASSERTION)


class PlanCaller(Struct, frozen=True):
    """A user, and the client that was given the user's token."""

    client: str
    user: JobUser

    @property
    def words(self) -> str:
        """As the plan names them."""
        return f"{self.user.name} ({', '.join(self.user.roles) or 'no roles'}), by {self.client}"

    def left_out(self, callers: Callers | None) -> str | None:
        """Why a scenario doesn't answer them; None: it does."""
        if callers is None or callers.include(self.client, self.user.name, self.user.roles):
            return None
        return f"not answered: it is for {callers_text(callers)}"


def callers_text(callers: Callers) -> str:
    """Whom a scenario answers, for people."""
    lists = {"users": callers.users, "roles": callers.roles, "clients": callers.clients}
    return "; ".join(f"{kind} {', '.join(names)}" for kind, names in lists.items() if names)


def caller_of(account: Account, clients: Iterable[Client], scenario: Scenario) -> PlanCaller:
    """That user, by the first client with a grant for users for which the scenario is, else by the first of these."""
    user = JobUser(account.name, account.display, account.roles)
    found = [PlanCaller(each.id, user) for each in clients if any(map(each.may_use, _BY_USERS))]
    if not found:
        raise UsageError("No client may ask for a user's token.", hint="Give one the grant password.")
    return next((each for each in found if each.left_out(scenario.callers) is None), found[0])
