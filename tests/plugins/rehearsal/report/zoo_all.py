"""All rehearsals, by the rule that their client breaks; a word after it tells several of a rule apart."""

from collections.abc import Mapping

from tests.plugins.rehearsal.report import (
    zoo,
    zoo_answers,
    zoo_credentials,
    zoo_failures,
    zoo_given_up,
    zoo_messages,
    zoo_requests,
    zoo_tokens,
    zoo_transport,
)
from tests.plugins.rehearsal.report.rehearsal import Rehearsal

ZOO: Mapping[str, Rehearsal] = {
    **zoo_tokens.ZOO,
    **zoo_credentials.ZOO,
    **zoo_requests.ZOO,
    **zoo_messages.ZOO,
    **zoo.ZOO,
    **zoo_failures.ZOO,
    **zoo_given_up.ZOO,
    **zoo_transport.ZOO,
    **zoo_answers.ZOO,
}


def rule_of(name: str) -> str:
    """The rule that is broken in the rehearsal of that name."""
    return name.partition(" ")[0]
