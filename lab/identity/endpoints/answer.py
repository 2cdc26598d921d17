"""The routes of the OAuth server, and what answers each (contract.md §7)."""

from collections.abc import Callable
from typing import TypeAlias

from lab.core.exchange import Request, Response
from lab.core.refusal import NO_PATH, Refusal, not_found
from lab.core.routes import Route
from lab.identity.clients import Client
from lab.identity.endpoints.authentication import authenticate
from lab.identity.endpoints.authorization_code import authorize
from lab.identity.endpoints.context import TokenContext
from lab.identity.endpoints.device_code import device, device_answer, device_page
from lab.identity.endpoints.discovery import idcs_metadata, keys, metadata, resource_metadata
from lab.identity.endpoints.forms import Parameters, read_form
from lab.identity.endpoints.introspection import introspect, revoke
from lab.identity.endpoints.token import token

Endpoint: TypeAlias = Callable[[TokenContext, Request], Response | Refusal]


def _with_client(answer: Callable[[TokenContext, Client, Parameters], Response | Refusal]) -> Endpoint:
    """An endpoint to which a client sends a form, and says who it is."""

    def endpoint(context: TokenContext, request: Request) -> Response | Refusal:
        form = read_form(context, request)
        if isinstance(form, Refusal):
            return form
        client = authenticate(context, request, form)
        if isinstance(client, Refusal):
            return client
        context.caller = client.id
        return answer(context, client, form)

    return endpoint


_ENDPOINTS: dict[str, Endpoint] = {
    "token": _with_client(token),
    "authorize": authorize,
    "device": device,
    "device_page": device_page,
    "device_answer": device_answer,
    "introspect": _with_client(introspect),
    "revoke": _with_client(revoke),
    "openid_configuration": metadata,
    "idcs_configuration": idcs_metadata,
    "oauth_authorization_server": metadata,
    "oauth_protected_resource": resource_metadata,
    "jwk": keys,
    "jwks_json": keys,
}


def answer_identity(
    context: TokenContext, route: Route, request: Request, word: Callable[[Refusal], Response]
) -> Response:
    """The answer to a request of that route; `word` words refusals that aren't OAuth's, but the API's.

    Those are of a bearer, and of a path that isn't there: one of the other profile, or without its switch.
    """
    if route.only in ("", context.config.switches.profile):
        result = _ENDPOINTS[route.operation](context, request)
    else:
        result = not_found(NO_PATH)
    if isinstance(result, Refusal):
        context.refused = True
        return context.oauth_error(result) if result.error else word(result)
    context.refused = context.refused or result.status >= 400  # a page says no as well
    return result
