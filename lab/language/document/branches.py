"""Where a step leads: to a step, or to one of several, the first that fits."""

from typing import Annotated, TypeAlias

from pydantic import Discriminator, Field, Tag, model_validator

from lab.language.document.base import Chance, Model


class Branch(Model):
    """One of several ways on: a condition or a share, and the step to which it leads."""

    when: str | None = Field(
        None,
        description="one expression in {{ }} that gives true or false, settled when the step ends; it sees what "
        "templates see but now",
    )
    chance: Chance | None = Field(
        None, description="its share of one draw for the whole list, as 20%; what stands before it goes first"
    )
    to: str = Field(description="the step that follows; only changes-requested may lead back")

    @model_validator(mode="after")
    def _either(self) -> "Branch":
        if self.when is not None and self.chance is not None:
            raise ValueError("a branch has a when or a chance, not both; give one of them a step of its own")
        return self

    @property
    def sure(self) -> bool:
        """Whether it is taken wherever it is come to."""
        return self.when is None and self.chance is None


def _form(value: object) -> str:
    # of a single mapping too: the complaint is then that it belongs into a list
    return "next:branches" if isinstance(value, list | tuple | dict) else "next:step"


Target: TypeAlias = Annotated[
    Annotated[str, Tag("next:step")]
    | Annotated[tuple[Branch, ...], Field(strict=False, min_length=1, max_length=50), Tag("next:branches")],
    Discriminator(_form),
]
"""A step's id, or branches, of which the first that fits is taken."""


def branches_of(target: Target | None) -> tuple[Branch, ...]:
    """The branches of a target; one step is a single sure branch, and none is none."""
    if target is None:
        return ()
    return (Branch(to=target),) if isinstance(target, str) else target
