"""Claims: what of the contract is documented, what was observed, what is assumed (contract.md §1).

`lab fidelity` prints them and the OpenAPI document is made of them, so neither can claim what the other doesn't.
"""

from collections.abc import Callable, Iterable

from msgspec import Struct

from lab.core.routes import Route

WORDS: dict[str, str] = {
    "doc": "documented", "rec": "observed", "code": "observed", "seen": "observed", "assumed": "assumed",
    "rfc": "documented",
}  # fmt: skip
"""The three words that people read, by mark; the best of several counts, in the order of these three."""


class Claim(Struct, frozen=True):
    """One route or field: what says so, and the switch that changes it where it is assumed."""

    place: str
    """Where it stands: `routes`, `invoke request`, `job body`, `waitingNodeDetails`, `token answer`, `A2A task`, `errors`."""
    name: str
    marks: tuple[str, ...]
    says: str
    switch: str = ""
    json: str = ""
    """The JSON type of a field, `|null` where it may be null."""
    source: str = ""
    """Where its marks come from, so that it can be looked up again; empty: they name no single place."""

    @property
    def open(self) -> bool:
        """Whether a server may well do otherwise: something of it is assumed, or a switch changes it."""
        return self.word == "assumed" or "assumed" in self.says or bool(self.switch)

    @property
    def word(self) -> str:
        """documented, observed or assumed."""
        words = {WORDS[mark] for mark in self.marks}
        return next(word for word in ("documented", "observed", "assumed") if word in words)


def read_claims(place: str, text: str) -> tuple[Claim, ...]:
    """Claims of a table written as text: name, marks, JSON type, switch, what it says, and a source where one is named."""
    claims: list[Claim] = []
    for line in text.strip().splitlines():
        name, marks, json, switch, says, *source = (part.strip() for part in line.split("|", 5))
        empty = "" if switch == "-" else switch
        claims.append(Claim(place, name, tuple(marks.split()), says, empty, json.replace("/", "|"), *source))
    return tuple(claims)


def route_claims(place: str, routes: Iterable[Route], shown: Callable[[str], str]) -> tuple[Claim, ...]:
    """A claim for each row; `shown` gives a path as it is printed."""
    return tuple(
        Claim(place, f"{row.method} {shown(row.path)}", tuple(row.marks.split()), row.says, row.switch, "-", row.source)
        for row in routes
    )
