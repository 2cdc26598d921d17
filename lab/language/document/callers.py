"""`for`: whom a scenario answers."""

from collections.abc import Collection
from typing import Annotated, TypeAlias

from pydantic import ConfigDict, Field, model_validator

from lab.language.document.base import NAME, Model

Role: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:/ -]{1,200}$")]
CallerName: TypeAlias = Annotated[str, Field(pattern=NAME)]


class Callers(Model):
    """Whom a scenario answers: whoever each list that is there has a place for."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    users: tuple[CallerName, ...] = Field(
        (), strict=False, min_length=1, max_length=1000, description="tokens of one of these users, by name"
    )
    roles: tuple[Role, ...] = Field(
        (), strict=False, min_length=1, max_length=100, description="tokens of users with one of these roles"
    )
    clients: tuple[CallerName, ...] = Field(
        (), strict=False, min_length=1, max_length=1000, description="tokens of one of these clients, by id"
    )

    @model_validator(mode="after")
    def _somebody(self) -> "Callers":
        if not self.model_fields_set:
            raise ValueError("says nobody: name users, roles or clients, or leave it out")
        return self

    @property
    def need_a_user(self) -> bool:
        """Whether a token without a user is never one of theirs."""
        return bool(self.users or self.roles)

    def include(self, client: str, user: str | None, roles: Collection[str]) -> bool:
        """Whether a token of this client and user is one of theirs; `user` None: it stands for no user, and no roles come."""
        return (
            (not self.clients or client in self.clients)
            and (not self.users or user in self.users)
            and (not self.roles or not set(self.roles).isdisjoint(roles))
        )
