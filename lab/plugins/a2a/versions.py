"""The two versions of A2A that are spoken here, 1.0 and 0.3: one model of a task, and how each spells it (a2a.md §2).

Both halves of the wire are made of these: the server writes a task in its client's version, the client reads either.
What 1.0 calls otherwise is made of 0.3's words: `input-required` is TASK_STATE_INPUT_REQUIRED, `user` is ROLE_USER.
"""

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from lab.core.exchange import Json
from lab.program.words import Status

VERSION_HEADER = "a2a-version"
"""The header that says which is meant; the query may have it, too, and without either it is 0.3."""
SUBMITTED = "submitted"
"""The state of a task in the answer that begins it."""
STATE_OF = {
    Status.RUNNING: "working", Status.WAITING: "input-required", Status.COMPLETE: "completed", Status.ERROR: "failed",
    Status.CANCELLED: "canceled",
}  # fmt: skip
STATE, ROLE = "TASK_STATE_", "ROLE_"
"""What 1.0 writes before each state, and each role."""
USER, AGENT = "user", "agent"
"""The roles: who says a message."""
TASK, MESSAGE, STATUS_UPDATE, ARTIFACT_UPDATE = "task", "message", "status-update", "artifact-update"
UPDATES = {STATUS_UPDATE: "statusUpdate", ARTIFACT_UPDATE: "artifactUpdate"}
"""What an event after the first one holds, and 1.0's name for it."""


class TaskOperation(StrEnum):
    """What a call asks for, by 1.0's name."""

    SEND = "SendMessage"
    STREAM = "SendStreamingMessage"
    GET = "GetTask"
    LIST = "ListTasks"
    CANCEL = "CancelTask"
    SUBSCRIBE = "SubscribeToTask"
    CREATE_PUSH = "CreateTaskPushNotificationConfig"
    GET_PUSH = "GetTaskPushNotificationConfig"
    LIST_PUSH = "ListTaskPushNotificationConfigs"
    DELETE_PUSH = "DeleteTaskPushNotificationConfig"
    EXTENDED_CARD = "GetExtendedAgentCard"
    START = "tasks/send"
    """The vendor's own, beside 0.3: a message for a new task, whose id the client gives."""


SENDS = frozenset((TaskOperation.SEND, TaskOperation.STREAM, TaskOperation.START))
"""The operations that bring a message."""
STREAMS = frozenset((TaskOperation.STREAM, TaskOperation.SUBSCRIBE))
"""Those that are answered by events."""


class A2AVersion(Struct, frozen=True, eq=False):
    """How a version spells what a call asks, and what a task is."""

    number: str
    methods: Mapping[str, TaskOperation]
    """Of JSON-RPC."""
    push: str
    """The member of a message's configuration that asks for push notifications."""
    kinds: bool
    """Whether a message, a part, a task and an event say by a member what they are, and nothing is left out that is empty."""

    def word(self, prefix: str, word: str) -> str:
        """A state or a role."""
        return word if self.kinds else prefix + word.upper().replace("-", "_")

    def named(self, kind: str, members: dict[str, Json]) -> dict[str, Json]:
        """A message, a part or a task."""
        if self.kinds:
            return {"kind": kind, **members}
        return {name: value for name, value in members.items() if value is not None and value != []}

    def message(self, id: str, role: str, text: Json, belongs: dict[str, Json]) -> dict[str, Json]:
        """A message of one text."""
        parts: list[Json] = [self.named("text", {"text": text})]
        return self.named(MESSAGE, {"messageId": id, "role": self.word(ROLE, role), "parts": parts, **belongs})

    def task_event(self, task: dict[str, Json]) -> dict[str, Json]:
        """What answers a message, and begins a stream."""
        return task if self.kinds else {TASK: task}

    def update(self, kind: str, members: dict[str, Json], *, final: bool = False) -> dict[str, Json]:
        """What is new of a task; `final`: no event follows, which 0.3 tells of each status."""
        if not self.kinds:
            return {UPDATES[kind]: members}
        last: dict[str, Json] = {"final": final} if kind == STATUS_UPDATE else {}
        return {"kind": kind, **members, **last}

    @property
    def states(self) -> tuple[str, ...]:
        """The states in which a task can be."""
        return tuple(self.word(STATE, word) for word in (SUBMITTED, *STATE_OF.values()))


_PUSH = "tasks/pushNotificationConfig/"
V10 = A2AVersion(
    "1.0",
    {str(each): each for each in TaskOperation if each is not TaskOperation.START},
    "taskPushNotificationConfig",
    kinds=False,
)
V03 = A2AVersion(
    "0.3",
    {
        "message/send": TaskOperation.SEND, "message/stream": TaskOperation.STREAM, "tasks/send": TaskOperation.START,
        "tasks/get": TaskOperation.GET, "tasks/cancel": TaskOperation.CANCEL, "tasks/resubscribe": TaskOperation.SUBSCRIBE,
        f"{_PUSH}set": TaskOperation.CREATE_PUSH, f"{_PUSH}get": TaskOperation.GET_PUSH,
        f"{_PUSH}list": TaskOperation.LIST_PUSH, f"{_PUSH}delete": TaskOperation.DELETE_PUSH,
    },
    "pushNotificationConfig",
    kinds=True,
)  # fmt: skip
VERSIONS = (V10, V03)
_MEMBERS = {TASK: TASK, MESSAGE: MESSAGE, **{member: kind for kind, member in UPDATES.items()}}
"""The members by which 1.0 says what an answer or an event holds, and 0.3's kinds for them."""


def kind_of(result: dict[str, Json]) -> tuple[Json, dict[str, Json]]:
    """What an answer or an event of either version holds: its kind, and that itself.

    A bare task is what a look is answered with, and what 0.3 begins a stream with, perhaps without its kind.
    """
    for name, kind in _MEMBERS.items():
        if isinstance(inner := result.get(name), dict) and "id" not in result:
            return kind, inner
    return result.get("kind", TASK), result
