"""The catalogue: which scenarios there are, by whose switches each is answered, and what a job plays."""

from lab.identity.config import IdentityConfig
from lab.identity.records import TokenRecord
from lab.jobs.facts import JobRecord
from lab.jobs.plan import JobUser
from lab.jobs.program import NO_SUCH_VERSION, UNMATCHED, Program, role_refused
from lab.language.values import locales_of
from lab.mock.config import Config
from lab.program.switches import Switches


class Catalog:
    """The scenarios of one configuration, indexed, with the switches of each resolved once."""

    def __init__(self, config: Config, identity: IdentityConfig) -> None:
        self._users = {each.name: JobUser(each.name, each.display, each.roles) for each in identity.users}
        self.switches = config.switches
        """Those of the server, where no team and no scenario is meant."""
        self.former = config.former
        self.by_name = {each.name: each for each in config.scenarios}
        self.by_team: dict[str, tuple[Program, ...]] = {}
        for each in sorted(config.scenarios, key=lambda each: each.name):  # of those that fit, the first by file name
            code = each.scenario.agent.code
            self.by_team[code] = (*self.by_team.get(code, ()), each)
        self._own = {each.name: config.switches_of(each.scenario) for each in config.scenarios}
        data = (entry.scenario.data for each in config.scenarios for entry in (each, *each.turns))
        self.cold = locales_of(datum for entries in data for datum in entries.values())
        """Locales whose generators nobody has loaded yet."""
        self._refusing: dict[tuple[str, str], Program] = {}

    def team(self, code: str) -> tuple[Program, ...]:
        """The team's scenarios, in the order in which they are tried."""
        return self.by_team.get(code, ())

    def alike(self, code: str) -> tuple[str, ...]:
        """The codes of teams that differ from this one in case alone."""
        return tuple(each for each in self.by_team if each != code and each.casefold() == code.casefold())

    def published(self, code: str) -> bool:
        """Whether a team can be found at all."""
        return any(each.scenario.agent.published for each in self.team(code))

    def team_switches(self, code: str) -> Switches:
        """The switches for what is asked of a team before its scenario is chosen: those of its first scenario."""
        team = self.by_team.get(code)
        return self._own[team[0].name] if team else self.switches

    def switches_of(self, program: Program, code: str) -> Switches:
        """The switches for jobs of a scenario; one that no author wrote has those of its team."""
        if program in (UNMATCHED, NO_SUCH_VERSION):
            return self.team_switches(code)
        return self._own.get(program.name, self.switches)

    def admits(self, program: Program, user: str | None) -> bool:
        """Whether a user has one of the roles that the scenario asks for."""
        known = self._users.get(user) if user is not None else None
        return program.scenario.agent.admits(known.roles if known is not None else ())

    def answers(self, program: Program, bearer: TokenRecord) -> bool:
        """Whether the scenario is for whoever has this token."""
        callers = program.scenario.callers
        if callers is None:
            return True
        user = self.user(bearer.user)
        return callers.include(bearer.client, bearer.user, () if user is None else user.roles)

    def user(self, name: str | None) -> JobUser | None:
        """A job's user, as its texts and conditions see it; None: the token was a client's own."""
        return None if name is None else self._users.get(name) or JobUser(name)

    def playing(self, chosen: Program | None, user: str | None, part: int) -> Program:
        """What a job plays: its scenario, that part of it, or the refusal of a user without the role."""
        if chosen is None:
            return UNMATCHED
        if not self.admits(chosen, user):
            key = chosen.name, chosen.digest
            if key not in self._refusing:
                self._refusing[key] = role_refused(chosen)
            return self._refusing[key]
        entry = chosen.of_turn(part)
        assert entry is not None
        return entry

    def chosen_for(self, record: JobRecord) -> Program | None:
        """The scenario of a job as it was when the job was accepted; None: none fits its message."""
        name = record.scenario
        if name is None:
            return None
        if name == NO_SUCH_VERSION.name:
            return NO_SUCH_VERSION
        for until, program in self.former:
            if record.at < until and program.name == name:
                return program
        return self.by_name[name]

    def scenario_of(self, record: JobRecord) -> Program:
        """What the job of a record plays."""
        return self.playing(self.chosen_for(record), record.user, record.part)
