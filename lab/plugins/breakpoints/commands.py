"""What is asked of its routes of the control plane, and what they answer (control-plane.md §10)."""

from typing import Annotated, ClassVar, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType

from lab.control import ControlCommand, Named, Obeyed
from lab.core.clock import Millis
from lab.core.exchange import Json
from lab.core.journal.holds import HeldSide

_Duration: TypeAlias = Annotated[str, Meta(description="in the lab's time, as 30s")]


class SetBreakpoint(ControlCommand[Named], frozen=True):
    hints: ClassVar = {"side": "request: before the mock reads it; reply: before it leaves."}
    route: str | None = None
    job: str | None = None
    side: HeldSide = "reply"
    status: Annotated[int, Meta(ge=0, le=599)] | None = None
    call: Annotated[int, Meta(ge=1, description="the how many-th that fits, alone")] | None = None
    once: bool = False
    name: Annotated[str, Meta(pattern="^[A-Za-z0-9._-]{0,40}$")] = ""
    release_after: _Duration | None = None


class BreakpointList(Struct, frozen=True):
    breakpoints: Annotated[list[dict[str, Json]], Meta(description="as they were set, each with its name")]


class ListBreakpoints(ControlCommand[BreakpointList], frozen=True):
    pass


class EndBreakpoint(ControlCommand[Named], frozen=True):
    name: str


class HoldDocument(Struct, frozen=True):
    hold: int
    breakpoint: str
    side: HeldSide
    route: str
    job: str | None
    since: Millis
    until: Millis | None
    x: int | None
    request: Annotated[dict[str, Json], Meta(description="m u h enc body, as a recording has them")]
    reply: Annotated[dict[str, Json] | None, Meta(description="s h enc body; s is 0 where a fault leaves nothing")]


class HoldList(Struct, frozen=True):
    now: Millis
    holds: list[HoldDocument]


class ListHolds(ControlCommand[HoldList], frozen=True):
    hold: Annotated[int, Meta(ge=1, description="that one alone")] | UnsetType = UNSET


class Release(ControlCommand[Obeyed], frozen=True):
    hints: ClassVar = {
        "do": "go lets it go, edited or not; drop closes the connection, reset resets it.",
        "headers": 'As {"retry-after":"2"}; null takes one away, a list gives several lines.',
    }
    hold: Annotated[str, Meta(description="its number, or all")]
    do: Literal["go", "drop", "reset"] = "go"
    status: Annotated[int, Meta(ge=200, le=599)] | UnsetType = UNSET
    headers: Annotated[dict[str, str | list[str] | None], Meta(description="to set; null takes away")] | UnsetType = (
        UNSET
    )
    body: Annotated[Json | UnsetType, Meta(description="a text as it is, anything else as JSON")] = UNSET
    delay: _Duration | UnsetType = UNSET
