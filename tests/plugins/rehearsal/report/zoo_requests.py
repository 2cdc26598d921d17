"""Clients that break one of the rules B1 to B3, B8 and B9 each, and rehearsals in which they do."""

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from lab.core.exchange import Request
from tests.plugins.rehearsal.report.good import Plain, Steps
from tests.plugins.rehearsal.report.rehearsal import Rehearsal
from tests.plugins.rehearsal.report.together import Came
from tests.plugins.rehearsal.report.zoo_messages import with_members
from tests.plugins.rehearsal.report.zoo_tokens import USUAL

BEYOND_ASCII = "Größe ≠ 42 🙂"


def with_type(request: Request, kind: str) -> Request:
    """The same, declared as something else."""
    others = (each for each in request.headers if each[0] != "content-type")
    return replace(request, headers=(*others, ("content-type", kind)))


@dataclass
class Beyond(Plain):
    """Asks beyond ASCII; good."""

    turns: tuple[str, ...] = (BEYOND_ASCII,)
    kind: str = "application/json; charset=UTF-8"

    def invoke_request(self, message: str, conversation: str | None) -> Request:
        return with_type(super().invoke_request(message, conversation), self.kind)


@dataclass
class TextPlain(Beyond):
    """Declares its JSON as text."""

    kind: str = "text/plain"


@dataclass
class WrongCharset(Beyond):
    """Declares another charset."""

    kind: str = "application/json; charset=latin1"


@dataclass
class Latin(Beyond):
    """Encodes its JSON in Latin-1."""

    turns: tuple[str, ...] = ("Größe",)

    def invoke_request(self, message: str, conversation: str | None) -> Request:
        request = super().invoke_request(message, conversation)
        return replace(request, body=request.body.decode().encode("latin-1"))


@dataclass
class AcceptHtml(Plain):
    """Takes what a browser takes, and no JSON."""

    accept: str | None = "text/html, application/json;q=0"


@dataclass
class AcceptAll(Plain):
    """Takes everything; good."""

    accept: str | None = "text/html;q=0.9, */*;q=0.8"


@dataclass
class AcceptHtmlAlone(Plain):
    """Takes pages alone."""

    accept: str | None = "text/html"


@dataclass
class NoAccept(Plain):
    """Doesn't say what it takes; good."""

    accept: str | None = None


@dataclass
class Nameless(Plain):
    """Has no User-Agent."""

    agent: str = ""


@dataclass
class Library(Plain):
    """Leaves User-Agent to its library."""

    agent: str = "Python/3.12 aiohttp/3.11.2"


@dataclass
class OnLibrary(Plain):
    """Names itself before its library; good."""

    agent: str = "acme-portal/1.4 (https://acme.example/) python-requests/2.32.3"


@dataclass
class VersionAsText(Plain):
    """Sends the version as a text."""

    def invoke_request(self, message: str, conversation: str | None) -> Request:
        return with_members(super().invoke_request(message, conversation), version="1")


@dataclass
class FlagAsNumber(Plain):
    """Sends a flag as a number."""

    def invoke_request(self, message: str, conversation: str | None) -> Request:
        return with_members(super().invoke_request(message, conversation), progressMessage=1)


@dataclass
class UnknownMember(Plain):
    """Sends a member that nobody documented."""

    def invoke_request(self, message: str, conversation: str | None) -> Request:
        return with_members(super().invoke_request(message, conversation), temperature=0.2)


@dataclass
class Shouting(Plain):
    """Upper-cases the job's id in its first poll."""

    def poll(self, job: str) -> Steps[Came]:
        return (yield from super().poll(job if self.answers else self.changed(job)))

    def changed(self, job: str) -> str:
        return job.upper()


@dataclass
class Cutting(Shouting):
    """Keeps too few characters of an id."""

    def changed(self, job: str) -> str:
        return job[:32]


@dataclass
class TwiceEncoded(Shouting):
    """Percent-encodes what is encoded."""

    def changed(self, job: str) -> str:
        return job.replace("-", "%2D")


ZOO: Mapping[str, Rehearsal] = {
    "B1": Rehearsal(USUAL, TextPlain, Beyond),
    "B1 charset": Rehearsal(USUAL, WrongCharset, Beyond),
    "B1 latin": Rehearsal(USUAL, Latin),
    "B2": Rehearsal(USUAL, AcceptHtml, AcceptAll),
    "B2 absent": Rehearsal(USUAL, AcceptHtmlAlone, NoAccept),
    "B3": Rehearsal(USUAL, Nameless),
    "B3 library": Rehearsal(USUAL, Library, OnLibrary),
    "B8": Rehearsal(USUAL, VersionAsText),
    "B8 strict": Rehearsal(USUAL, VersionAsText, switches={"types": "strict"}),
    "B8 number": Rehearsal(USUAL, FlagAsNumber),
    "B8 member": Rehearsal(USUAL, UnknownMember),
    "B8 refused": Rehearsal(USUAL, UnknownMember, switches={"unknown_fields": "refuse"}),
    "B9": Rehearsal(USUAL, Shouting),
    "B9 odd-ids": Rehearsal(USUAL, Shouting, switches={"job_ids": "odd"}),
    "B9 cut": Rehearsal(USUAL, Cutting),
    "B9 encoded": Rehearsal(USUAL, TwiceEncoded),
}
"""By the rule that it breaks."""
