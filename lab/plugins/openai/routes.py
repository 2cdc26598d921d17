"""OpenAI's routes, a row each, and the words of its ids and items (openai.md §1)."""

from lab.core.routes import read_routes

_SOURCE = "developers.openai.com/api/reference,"
_WEBHOOKS = f"{_SOURCE} webhooks"
OPENAI_ROUTES = read_routes(
    f"""
    POST   | /v1/responses                                   | openai                | -                      | call     | keys | doc | {_SOURCE} responses/create   | starts a response, or answers what one asked
    GET    | /v1/responses/{{job}}                           | openai-response       | -                      | call     | keys | doc | {_SOURCE} responses/retrieve | a response, or with stream=true its events
    POST   | /v1/responses/{{job}}/cancel                    | openai-cancel         | -                      | call     | keys | doc | {_SOURCE} responses/cancel   | ends a response of the background
    GET    | /v1/models                                      | openai-models         | -                      | describe | keys | doc | {_SOURCE} models/list        | published teams
    GET    | /v1/models/{{code}}                             | openai-model          | -                      | describe | keys | doc | {_SOURCE} models/retrieve    | a published team
    GET    | /v1/webhook_endpoints                           | openai-webhooks       | openai_webhook_list    | list     | keys | doc | {_WEBHOOKS}/list             | the caller's endpoints
    POST   | /v1/webhook_endpoints                           | openai-webhooks       | openai_webhook_create  | create   | keys | doc | {_WEBHOOKS}/create           | an endpoint is to be told of responses
    DELETE | /v1/webhook_endpoints/{{endpoint}}              | openai-webhooks       | openai_webhook_delete  | delete   | keys | doc | {_WEBHOOKS}/delete           | ends one
    GET    | /v1/webhook_endpoints/{{endpoint}}              | openai-webhooks       | openai_webhook_retrieve | retrieve | keys | doc | {_WEBHOOKS}/retrieve         | one of them
    POST   | /v1/webhook_endpoints/{{endpoint}}              | openai-webhooks       | openai_webhook_update  | update   | keys | doc | {_WEBHOOKS}/update           | changes one
    POST   | /v1/webhook_endpoints/{{endpoint}}/rotate_secret | openai-webhooks       | openai_webhook_rotate  | rotate   | keys | doc | {_WEBHOOKS}/rotate_secret    | gives one another secret
    GET    | /v1/webhook_event_types                         | openai-webhooks       | openai_webhook_types   | types    | keys | doc | {_WEBHOOKS}/event_types/list | of what an endpoint is told here
    """,
    "method path name operation kind keys marks source says",
)
RESPONSE, APPROVAL, MESSAGE, ENDPOINT = "resp_", "mcpr_", "msg_", "we_"
"""Ids of responses begin so, which go on with the job's id; of approval requests, with the opening's token; of messages, of endpoints."""
ASKS, ANSWERS = "mcp_approval_request", "mcp_approval_response"
"""The items by which a gate asks, and is answered."""


def id_in(text: str | None, prefix: str) -> str:
    """What follows the prefix of an id; empty: it is none."""
    return text.removeprefix(prefix) if text is not None and text.startswith(prefix) else ""
