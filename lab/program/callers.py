"""`for`: whom a scenario answers."""

from collections.abc import Collection
from typing import Annotated, ClassVar, TypeAlias

from msgspec import Meta

from lab.program.words import NAME, ROLE, Part

Role: TypeAlias = Annotated[str, Meta(pattern=ROLE)]
CallerName: TypeAlias = Annotated[str, Meta(pattern=NAME)]


class Callers(Part, frozen=True):
    """Whom a scenario answers: whoever each list that is there has a place for."""

    without: ClassVar[str] = "says nobody: name users, roles or clients, or leave it out"
    users: Annotated[tuple[CallerName, ...], Meta(min_length=1, max_length=1000)] = ()
    """tokens of one of these users, by name"""
    roles: Annotated[tuple[Role, ...], Meta(min_length=1, max_length=100)] = ()
    """tokens of users with one of these roles"""
    clients: Annotated[tuple[CallerName, ...], Meta(min_length=1, max_length=1000)] = ()
    """tokens of one of these clients, by id"""

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
