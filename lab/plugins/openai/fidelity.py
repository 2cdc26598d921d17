"""What is documented and what is assumed of OpenAI's requests, responses, events and errors (openai.md)."""

from lab.core.fidelity import read_claims

_GUIDES, _REFERENCE = "developers.openai.com/api/docs/guides", "developers.openai.com/api/reference, responses"
_CREATE, _OBJECT = f"{_REFERENCE}/create", f"{_REFERENCE}/object"
_WEBHOOKS = f"{_GUIDES}/webhooks"
_ENDPOINT = "developers.openai.com/api/reference, webhooks/create"
_EVENTS, _BACKGROUND = f"{_REFERENCE}/streaming-events", f"{_GUIDES}/background"
_TABLES = {
    "OpenAI request": f"""
        model | doc | string | - | required; here the agent team's code | {_CREATE}
        input | doc | string/array | - | a message, or items: the last of the user's counts; or one mcp_approval_response | {_CREATE}
        background | doc | boolean | - | answered at once; only with store | {_BACKGROUND}
        store | doc | boolean | - | true unless it says otherwise: one that isn't stored can't be asked for | {_CREATE}
        stream | doc | boolean | - | answered with events | {_CREATE}
        previous_response_id | doc | string | - | the response that is answered, or goes on | {_CREATE}
        metadata | doc | object | - | at most 16 pairs, 64 characters in a key, 512 in a value; given back | {_CREATE}
        mcp_approval_response | doc | object | - | approval_request_id, approve, reason; that a text in its place is refused is assumed | {_GUIDES}/tools-connectors-mcp
    """,
    "OpenAI response": f"""
        id | doc | string | - | resp_ and the job's id; another one with each answer | {_OBJECT}
        object | doc | string | - | response | {_OBJECT}
        created_at | doc | integer | - | seconds since 1970 | {_OBJECT}
        status | doc | string | - | queued in_progress completed failed cancelled; at a gate it is completed | {_BACKGROUND}
        background | doc | boolean | - | as the job's first request said | {_OBJECT}
        error | doc | object/null | - | once it is failed: code server_error, and the job's error as message | {_OBJECT}
        metadata | doc | object | - | as the job's first request said | {_OBJECT}
        model | doc | string | - | the agent team's code | {_OBJECT}
        output | doc | array | - | at its end a message, or an mcp_approval_request with what a gate asks | {_OBJECT}
        previous_response_id | doc | string/null | - | that of the request | {_OBJECT}
        parallel_tool_calls | doc | boolean | - | true | {_OBJECT}
        tool_choice | doc | string | - | auto | {_OBJECT}
        tools | doc | array | - | empty | {_OBJECT}
    """,
    "OpenAI webhook endpoint": f"""
        id | doc | string | - | we_ and 32 hexadecimal digits, a form of the lab's own | {_ENDPOINT}
        updated_at | doc | integer | - | when it was changed last; what changes nothing doesn't count | {_ENDPOINT}
        url | doc | string | - | there https; that http on this machine is taken is the lab's own | {_ENDPOINT}
        event_types | doc | array | - | any of OpenAI's 27; those of responses come | {_ENDPOINT}
        signing_secret_hint | doc | string | - | the secret masked; that nothing of it is shown is the lab's own | {_ENDPOINT}
        signing_secret | doc | string | - | of one that is created, or whose secret is rotated; the old one is worth nothing any more | {_ENDPOINT}
    """,
    "OpenAI webhook": f"""
        type | doc | string | - | response.completed .failed .cancelled, of responses of the background; a gate completes one | {_WEBHOOKS}
        data | doc | object | - | id: the response's. Signed as Standard Webhooks; the tries, and that 410 ends them for ever, are the lab's own | {_WEBHOOKS}
    """,
    "OpenAI events": f"""
        type | doc | string | - | response.created .queued .in_progress .completed .failed, and of items and texts; after event: too | {_EVENTS}
        sequence_number | doc | integer | - | from 0; starting_after names the last one known, of a response created with stream: true | {_BACKGROUND}
    """,
}
OF_BODIES = tuple(claim for place, table in _TABLES.items() for claim in read_claims(place, table))
OF_ERRORS = read_claims(
    "errors",
    f"""
    OpenAI errors | doc | - | - | an object error with message, type, param and code | {_GUIDES}/error-codes
    400 for 409 | assumed | - | - | what mustn't be done twice is refused with 400, for after 409 clients send a POST again
    """,
)
