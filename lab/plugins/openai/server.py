"""OpenAI's Responses API, the server's half."""

from lab.core.exchange import Json, Request, Response, json_response
from lab.core.refusal import Refusal, bad_request, named
from lab.core.routes import RouteMatch
from lab.dialects import base
from lab.dialects.reading import Wrong, query_of
from lab.dialects.sse import framed, streamed
from lab.plugins.openai.requests import CONFLICT, ApiError, read_create, read_number, stored
from lab.plugins.openai.responses import Item, response_events, response_of, sent_with
from lab.plugins.openai.routes import OPENAI_ROUTES, RESPONSE, id_in
from lab.plugins.openai.webhooks import endpoints_answer, read_endpoints
from lab.program.faults import Fault
from lab.program.switches import Switches

_NAMES = {"conversation": "previous_response_id", "job": "response", "message": "input", "opening": "approval request"}
_NAMES |= {"receiver": "Webhook endpoint", "receivers": "webhook endpoints"}
"""What this wire calls the things of which a refusal may speak."""
_CODES = {401: "invalid_api_key", 409: CONFLICT, 429: "rate_limit_exceeded"}


class OpenAIServer:
    """What the port asks of a wire on the server's side (`lab.dialects.base.Dialect`)."""

    name = "openai"
    routes = OPENAI_ROUTES

    def renames_jobs(self, switches: Switches) -> bool:
        """What an answer begins is another response."""
        return True

    def read(self, match: RouteMatch, request: Request, switches: Switches, job_of: base.JobOf) -> base.Reading:
        """What is asked."""
        try:
            if match.name == "openai":
                return read_create(request, job_of)
            if match.name == "openai-webhooks":
                return read_endpoints(match, request)
            return _of_response(match, request, job_of) if match.job else base.Describe(team=match.code)
        except Wrong as error:
            return base.Unread(refusal=error.refusal, flags=error.flags)
        except ApiError as error:
            return base.Unread(refusal=bad_request(error.message), echo=error)

    def write(
        self, match: RouteMatch, command: base.Reading, result: base.Result, context: base.WriteContext
    ) -> base.Written:
        """The answer: a response, its events, models, or what is wrong."""
        match result:
            case base.Declined() if isinstance(command.echo, ApiError):
                return command.echo.response()
            case base.Declined(refusal=refusal) if isinstance(refusal, base.TeamUnknown) or refusal is base.TEAM_CLOSED:
                # one in a body is a wrong member, one in a path isn't there
                said = f"The {'' if match.code else 'requested '}model does not exist. {refusal.hint}"
                return ApiError(said, "model", "model_not_found", 404 if match.code else 400).response()
            case base.Declined(refusal=refusal):
                return self.refuse(refusal, context.switches)
            case base.Described(teams=teams):
                own: Item = {"object": "model", "created": context.epoch, "owned_by": "invoke-async-lab"}
                models: list[Json] = [{"id": code, **own} for code, _ in teams]
                return json_response(models[0] if match.code else {"object": "list", "data": models})
            case base.Receivers(receivers=receivers):
                return endpoints_answer(match.route.kind, command.echo, receivers, context)
            case base.Followed(views=(view,)) | base.Streamed(view=view):
                behind = command.echo if isinstance(command.echo, int) else -1
                events = response_events(view, context, behind=behind)
                return streamed(framed(events, context.switches, context.now, done=False, typed=True))
            case base.Accepted(view=view) | base.Found(view=view):
                queued = match.name == "openai" and not isinstance(command, base.Settle)
                return json_response(response_of(view, context, queued=queued))
        raise AssertionError("nothing of this wire asks for it")

    def refuse(self, refusal: Refusal, switches: Switches, style: str | None = None) -> Response:
        """In OpenAI's words, whatever the style."""
        hint, status = refusal.hint if switches.hints or refusal.promised else "", refusal.status
        said = named(f"{refusal.message} {hint}".strip(), _NAMES)
        param = "url" if "‹url›" in refusal.message else None
        error = ApiError(said, param, _CODES.get(status), 400 if status == 409 else status)
        return error.response(refusal.headers)

    def alter(self, fault: Fault, members: dict[str, Json]) -> dict[str, Json]:
        """A response, or that of an event, with a status that nobody documented, and no output."""
        within = members.get("response")
        if isinstance(within, dict):
            return {**members, "response": self.alter(fault, within)}
        odd = fault.status_word is not None and members.get("object") == "response"
        return {**members, "status": fault.status_word, "output": []} if odd else members


def _of_response(match: RouteMatch, request: Request, job_of: base.JobOf) -> base.Command:
    """What is asked of a response that is there."""
    job, view = id_in(match.job, RESPONSE), stored(job_of, match.job)
    if view is None:
        raise ApiError(f"Response with id '{match.job}' not found.", status=404)
    sent = sent_with(view.record.input)
    if match.name == "openai-cancel":
        if sent.get("background") is not True:
            raise ApiError("Cannot cancel a synchronous response.")
        # to cancel what has ended, or was answered, is to look at it
        over = view.span.status.final or view is not job_of(job)
        return base.Look(team="", job=job) if over else base.Cancel(team="", job=job)
    if query_of(request.query).get("stream") != "true":
        return base.Look(team="", job=job)
    if not view.given and sent.get("stream") is not True:  # what the request of a later one said nobody keeps
        raise ApiError("Only a response that was created with stream: true can be streamed.", "stream")
    return base.FollowJobs(team="", jobs=(job,), echo=read_number(request, "starting_after", -1, -1, 10**9))
