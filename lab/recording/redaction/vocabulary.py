"""The lab's own words, which are hidden where they stand for a secret and nowhere else (recordings.md §5).

A client may send `{"password": "COMPLETE"}`; the status of every job goes on to be COMPLETE.
"""

from collections.abc import Iterator
from functools import cache

from lab.core.refusal import Refusal
from lab.dialects import wires
from lab.dialects.fidelity import CLAIMS
from lab.identity.clients import Grant
from lab.identity.routes import IDENTITY_ROUTES
from lab.identity.scopes import MYSCOPES, OFFLINE, OPENID, SERVICES, api_scope, service_scope
from lab.language.shape import write_part
from lab.mock.config import Config
from lab.program.switches import Switches
from lab.program.words import Status, Verdict

_TRANSPORT = """
application/json application/problem+json application/x-www-form-urlencoded application/jwk-set+json text/event-stream
text/plain text/html charset=utf-8 multipart/form-data no-store no-cache keep-alive Bearer Basic Digest
content-type content-length authorization www-authenticate cache-control retry-after location idempotency-key accept
user-agent transfer-encoding http://127.0.0.1 localhost code_challenge_method response_type redirect_uri grant_type
client_id client_secret access_token refresh_token expires_in token_type error_description invalid_request
invalid_client invalid_grant invalid_scope unauthorized_client unsupported_grant_type unsupported_response_type
authorization_pending slow_down expired_token access_denied invalid_token insufficient_scope
"""


def own_words(config: Config) -> str:
    """All of them in one text: a value that is a part of it is one of the lab's own words."""
    return "\n".join((_TRANSPORT, _of_wires(), *_names(config)))


@cache
def _of_wires() -> str:
    return "\n".join(_wires())


def _wires() -> Iterator[str]:
    switches = Switches()
    for routes in (IDENTITY_ROUTES, *(wire.routes for wire in wires())):
        yield from (row.path for row in routes)
    for claim in CLAIMS:
        yield f"{claim.name} {claim.says}"
    for status in range(400, 600):
        yield from (wire.server.refuse(Refusal(status, ""), switches).body.decode() for wire in wires())
    yield from (*Status, *Verdict, *Grant)


def _names(config: Config) -> Iterator[str]:
    pod = config.switches.pod
    yield from (api_scope(pod), *(service_scope(pod, service) for service in SERVICES), MYSCOPES, OFFLINE, OPENID)
    for client in config.clients:
        yield from (client.id, *client.redirects, client.user, *client.roles)
    for account in config.accounts:
        yield from (account.name, account.display, *account.roles)
    for program in config.scenarios:
        yield from (program.name, str(write_part(program.scenario)))
