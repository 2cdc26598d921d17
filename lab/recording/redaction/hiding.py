"""What those who take traffic apart ask of whoever replaces secrets; `redact.Redactor` is that."""

from typing import Protocol

from lab.recording.redaction.known_secrets import KnownSecrets


class Hiding(Protocol):
    """Gives texts with aliases in the place of secrets."""

    @property
    def secrets(self) -> KnownSecrets:
        """What is known."""

    def text(self, text: str) -> str:
        """The text without secrets, those in JSON in it too."""

    def named(self, name: str, value: str, *, oauth: bool, reply: bool) -> str:
        """The value of a member: its alias, if its name says that it is a secret."""
