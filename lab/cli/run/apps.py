"""The external app that a command plays: for its own mock, or for another server."""

from typing import TYPE_CHECKING

from msgspec.structs import replace

from lab.app.effects import App
from lab.cli.run_settings import USUAL_APP, AppSettings, Peer
from lab.cli.setup import credentials_for, known_user, own_client
from lab.dialects import client_named
from lab.dialects.base import Cancel
from lab.identity.clients import Account
from lab.identity.scopes import api_scope
from lab.mock.config import Config
from lab.program.scenario import Scenario

if TYPE_CHECKING:
    from lab.client.transport import HttpTransport


def app_of(
    config: Config,
    scenario: Scenario | None = None,
    settings: AppSettings = USUAL_APP,
    account: Account | None = None,
) -> App:
    """The external app for a scenario of the mock (the first one), as that user, or the one whom the settings name.

    Without a user: as somebody for whom the scenario is, else with the own client.
    """
    scenario = scenario or config.scenarios[0].scenario
    if account is None and settings.caller is not None:
        account = known_user(settings.caller, config.accounts)
    client, user = credentials_for(config, scenario.callers, account) or (own_client(config), None)
    peer = Peer("", "", client.id, client.secret, api_scope(config.switches.pod))
    app = app_for_peer(scenario, peer, settings)
    return app if user is None else replace(app, user=user.name, password=user.password)


def app_for_peer(scenario: Scenario, peer: Peer, settings: AppSettings) -> App:
    """The external app for a scenario, with credentials for another server that understands its dialect.

    UsageError if it is to cancel its jobs, and has no words for that.
    """
    dialect = client_named(settings.dialect)
    if settings.cancel_after is not None:
        dialect.ask(Cancel(team=scenario.agent.code, job="any"))
    return App(
        team=scenario.agent.code,
        message=scenario.message,
        client_id=peer.client_id,
        client_secret=peer.client_secret,
        scope=peer.scope,
        parameters=scenario.parameters,
        dialect=dialect,
        tries=settings.tries,
        deadline=settings.deadline,
        cancel_after=settings.cancel_after,
    )


def transport_to(peer: Peer) -> "HttpTransport":
    """What carries requests to another server; what it answers is shown without the credentials."""
    # a lab with a mock of its own needs neither
    from lab.client.transport import HttpTransport
    from lab.recording.redaction.writings import writings

    return HttpTransport(
        peer.base, peer.token_url, writings(peer.client_secret) | writings(f"{peer.client_id}:{peer.client_secret}")
    )
