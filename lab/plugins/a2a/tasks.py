"""A job at a span as a Task, and what becomes of it as it comes (a2a.md §3, §4)."""

from collections.abc import Iterator

from lab.core.clock import iso
from lab.core.exchange import Json
from lab.core.seeds import uuid4
from lab.dialects.base import WriteContext
from lab.dialects.sse import Event
from lab.jobs.facts import JobView
from lab.jobs.plan import Plan
from lab.jobs.span import Span
from lab.jobs.texts import StatusTexts, conversation_of, status_texts
from lab.jobs.timeline import spans_from
from lab.plugins.a2a import versions as a2a
from lab.plugins.a2a.calls import TaskCall
from lab.program.words import Status


class TaskWriter:
    """Writes one job in one version."""

    def __init__(self, version: a2a.A2AVersion, plan: Plan, context: WriteContext) -> None:
        self.version, self.plan, self.context = version, plan, context
        self._conversation = conversation_of(plan, context.switches)

    def task(
        self, span: Span, *, first: bool = False, history: bool = False, artifacts: bool = True
    ) -> dict[str, Json]:
        """The job at a span; `first`: in the answer that starts it. `history` adds what was asked."""
        state = self.texts(span)
        begins = first and state.status is Status.RUNNING
        status = self.status(span, a2a.SUBMITTED) if begins else self.stated(span, state)
        said = [self._message(self.plan.invocation.input.message, a2a.USER, "asked")] if history else []
        return self.task_of(status, self.artifacts(state) if artifacts else [], [*said])

    def texts(self, span: Span) -> StatusTexts:
        """What the job says at a span."""
        return status_texts(self.plan, span, self.context.epoch, self.context.switches)

    def task_of(self, status: Json, artifacts: list[Json], history: list[Json]) -> dict[str, Json]:
        """The Task with this status."""
        metadata = self.plan.invocation.input.metadata
        return self.version.named(
            a2a.TASK,
            {
                "id": self.plan.shown, "contextId": self._conversation, "status": status,
                "artifacts": artifacts, "history": history, **({} if metadata is None else {"metadata": dict(metadata)}),
            },
        )  # fmt: skip

    def status(self, span: Span, word: str) -> dict[str, Json]:
        """A status that says nothing beside its state."""
        return {"state": self.version.word(a2a.STATE, word), "timestamp": iso(self.context.epoch, span.since)}

    def stated(self, span: Span, state: StatusTexts) -> dict[str, Json]:
        """The status with what it says: the question, or the error."""
        status = self.status(span, a2a.STATE_OF[state.status])
        said = state.error if state.status is Status.ERROR else state.prompt.text if state.prompt is not None else None
        if said is not None:
            status["message"] = self._message(said, a2a.AGENT, f"{span.id}#{span.visit}")
        return status

    def artifacts(self, state: StatusTexts) -> list[Json]:
        """The answer, once there is one, or what a canceled job leaves."""
        if state.status not in (Status.COMPLETE, Status.CANCELLED) or state.output is None:
            return []
        return [{"artifactId": self._id("answer"), "parts": [self.version.named("text", {"text": state.output})]}]

    @property
    def whose(self) -> dict[str, Json]:
        """By what a message or an event says of which task it is."""
        return {"taskId": self.plan.shown, "contextId": self._conversation}

    def _message(self, text: Json, role: str, use: str) -> dict[str, Json]:
        return self.version.message(self._id(use), role, text, self.whose)

    def _id(self, use: str) -> str:
        return uuid4(self.plan.seed, f"{self.plan.invocation.job}/a2a/{use}")


def message_events(call: TaskCall, view: JobView, context: WriteContext, *, first: bool) -> Iterator[Event]:
    """What answers a message: the Task, then an update at each change, to the end or to where somebody has to speak.

    What the updates tell, the Task doesn't yet: one that ends at once was submitted, or works again, first.
    """
    writer, version = TaskWriter(call.by.version, view.plan, context), call.by.version
    state = writer.texts(view.span)
    if state.status is Status.WAITING and not first:  # as it did: its gate takes several answers
        status = writer.stated(view.span, state)
    else:
        status = writer.status(view.span, a2a.SUBMITTED if first else a2a.STATE_OF[Status.RUNNING])
    yield context.now, call.by.result(version.task_event(writer.task_of(status, [], [])))
    yield from _updates(call, writer, spans_from(view.plan, view.decisions, view.span), status, rests=True)


def followed_events(call: TaskCall, view: JobView, context: WriteContext) -> Iterator[Event]:
    """What a subscriber is told: the Task as it is, then an update at each change, to its end."""
    writer = TaskWriter(call.by.version, view.plan, context)
    spans = spans_from(view.plan, view.decisions, view.span)
    first = next(spans)
    yield context.now, call.by.result(call.by.version.task_event(writer.task(first)))
    yield from _updates(call, writer, spans, writer.stated(first, writer.texts(first)), rests=False)


def _updates(
    call: TaskCall, writer: TaskWriter, spans: Iterator[Span], before: dict[str, Json], *, rests: bool
) -> Iterator[Event]:
    """An update at each change of the state, or of what is asked; `rests`: the events end where the job waits, too."""
    version = call.by.version
    for span in spans:
        state = writer.texts(span)
        status, when = writer.stated(span, state), max(writer.context.now, span.since)
        ends = state.status.final or (rests and state.status is Status.WAITING)
        asks_anew = "message" in status and status["message"] != before.get("message")
        if ends or asks_anew or status["state"] != before["state"]:
            for artifact in writer.artifacts(state):
                whole = {**writer.whose, "artifact": artifact, "append": False, "lastChunk": True}
                yield when, call.by.result(version.update(a2a.ARTIFACT_UPDATE, whole))
            update = version.update(a2a.STATUS_UPDATE, {**writer.whose, "status": status}, final=ends)
            yield when, call.by.result(update)
        before = status
        if ends:
            return
