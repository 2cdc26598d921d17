"""What those who take traffic apart ask of whoever knows secrets; `redact.Redactor` is that."""

from typing import Protocol


class Hiding(Protocol):
    """Gives what stands in a recording in the place of secrets."""

    def text(self, text: str) -> str:
        """The text without secrets, those in JSON in it too."""

    def flat(self, text: str) -> str:
        """The text without secrets that are known, or look like one."""

    def named(self, name: str, value: str, *, oauth: bool, reply: bool) -> str:
        """The value of a member: its alias, if its name says that it is a secret."""

    def pair(self, readings: tuple[tuple[str, str], ...], whole: str) -> str:
        """The alias of a name and a secret, in either reading; `whole`: as they were sent."""

    def alias(self, value: str, kind: str, why: str = "") -> str:
        """The alias of a secret."""

    def secret(self, value: str) -> str:
        """The alias of a text that is some secret."""

    def number(self, written: str) -> str:
        """The alias of a number."""

    def is_secret(self, name: str) -> bool:
        """Whether the member of that name holds a secret, on any route."""

    def is_own(self, text: str) -> bool:
        """Whether it is one of the lab's own words."""
