"""What all kinds of steps have in common."""

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, ClassVar, TypeAlias

from pydantic import Field

from lab.language.document.base import Model, Status
from lab.language.document.branches import Target

StepId: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$", description="the step's id")]
"""An id as authors write it; on the wire it is upper-cased, `-` as `_`."""


Next: TypeAlias = Annotated[
    Target | None,
    Field(
        description="what follows in place of the next in order: a step, or a list of {when, to}, {chance, to}, {to}, "
        "of which the first that fits is taken, else the next in order"
    ),
]
Title: TypeAlias = Annotated[str, Field(description="one line for people")]


class StepModel(Model):
    """What all kinds of steps have in common."""

    kind: ClassVar[str]
    """The key that says what kind of step it is; its value is the id."""
    status: ClassVar[Status]
    """That of a job in such a step; in one whose status is final the job stays for ever."""
    templates: ClassVar[tuple[str, ...]]
    """Its members that are templates, or hold some."""

    @cached_property
    def id(self) -> str:
        """The step's id, unique in its scenario or turn."""
        name: str = getattr(self, self.kind.replace("-", "_"))
        return name

    @property
    def texts(self) -> Iterator[str]:
        """Those of its templates that are texts by themselves; an output may be of another form."""
        for name in self.templates:
            value = getattr(self, name)
            yield from (each for each in (value if isinstance(value, tuple) else (value,)) if isinstance(each, str))
