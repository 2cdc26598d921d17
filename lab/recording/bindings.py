"""What stands on the one side of a comparison for an id or a secret of the other, one for one (recordings.md §6.3, §7)."""

import re
from collections import Counter
from collections.abc import Mapping

from lab.core.exchange import Json
from lab.core.logtext import harmless_text
from lab.dialects import wires
from lab.identity.clients import SHORTEST_SECRET
from lab.recording.redaction.stand_ins import STAND_IN, kind_of, writings

IDS = {
    # of facts and of the OAuth server; each wire adds its own
    "job": "J", "alias": "J", "conversation": "K", "challenge": "H",
    "ecid": "E", "jti": "I", "kid": "I", "state": "I", "nonce": "I",
    **{name: letter for wire in wires() for name, letter in wire.marks.ids.items()},
}  # fmt: skip
"""The members that hold ids, each with the letter by which people are shown them."""
WORD = re.compile(r"[0-9A-Za-z][0-9A-Za-z._~-]{7,199}")
"""What may be an id within a text: a shorter one stands for too much else."""
ANY_VALUE = frozenset(("wrong", "verifier", "host"))
"""Kinds of stand-ins in whose place any value is as good: it was refused, or is no secret."""
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}")
_NAME = re.compile(r"(?<![\w-])[A-Z][0-9]+(?![\w-])")
"""What may be the name of an id."""
_GIVEN_IDS = IDS.keys() - {"state", "nonce", "challenge"}
"""Without what a client makes up, and gets back as it was."""


def is_id(name: str, value: str) -> bool:
    """Whether a text in an answer is an id: by the name of its member, or by its form."""
    return bool(value) and (name in _GIVEN_IDS or name.lower().endswith("id") or _UUID.fullmatch(value) is not None)


class Bindings:
    """Both sides' names of the same things, and how people are shown them."""

    def __init__(self, values: Mapping[str, str] = {}, hosts: Mapping[int, str] = {}) -> None:
        """`hosts` are the other side's origins, by the numbers of those that a capture has."""
        self.values = dict(values)
        """By stand-in."""
        self.hosts = hosts
        self.ids: dict[str, str] = {}
        """By recorded id."""
        self._recorded = {value: word for word, value in values.items()}
        self._names: dict[str, str] = {}
        self._numbers = Counter[str]()

    def get(self, recorded: str) -> str | None:
        """What stands for a stand-in or an id, if that is known."""
        return self.values.get(recorded, self.ids.get(recorded))

    def bind(self, value: str, recorded: str) -> None:
        """Let the value stand for it from now on."""
        (self.values if STAND_IN.fullmatch(recorded) else self.ids)[recorded] = value
        self._recorded.setdefault(value, recorded)

    def same(self, recorded: str, here: str) -> bool:
        """Whether the one stands for the other; what both sides have for the first time does from now on."""
        known = self.get(recorded)
        if known is None and here not in self._recorded:
            self.bind(here, recorded)
            return True
        return known == here

    def same_within(self, recorded: str, here: str) -> bool | None:
        """Whether texts are the same but for secrets, and the same one stands for each; None: they differ beside."""
        words, pattern, end = list[str](), "", 0
        for found in STAND_IN.finditer(recorded):
            words.append(found[0])
            pattern += re.escape(recorded[end : found.start()]) + "(.{1,4096}?)"
            end = found.end()
        whole = re.fullmatch(pattern + re.escape(recorded[end:]), here, re.DOTALL)
        if whole is None:
            return None
        known = [word == value or self.same(word, value) for word, value in zip(words, whole.groups(), strict=True)]
        return all(known)

    def recorded_of(self, here: str) -> str | None:
        """The stand-in or recorded id for which it stands; None: for none."""
        return self._recorded.get(here)

    # For people

    def name(self, recorded: str, member: str = "") -> str:
        """How it is shown: J1 for a job, a stand-in as it is."""
        if STAND_IN.fullmatch(recorded):
            return recorded
        if recorded not in self._names:
            letter = IDS.get(member, "I")
            self._numbers[letter] += 1
            self._names[recorded] = f"{letter}{self._numbers[letter]}"
        return self._names[recorded]

    def legend(self, text: str) -> str:
        """What the names in a sentence stand for, to be put behind it: ` (J1: 7a0e…)`."""
        recorded = {name: each for each, name in self._names.items()}
        shown = [name for name in dict.fromkeys(_NAME.findall(text)) if name in recorded]
        return f" ({', '.join(f'{name}: {harmless_text(recorded[name])}' for name in shown)})" if shown else ""

    def name_all(self, value: Json, member: str = "") -> None:
        """Give the ids in a recorded value their names, in the order in which they appear."""
        match value:
            case str() if value and member in IDS:
                self.name(value, member)
            case dict():
                for inner, part in value.items():
                    self.name_all(part, inner)
            case list():
                for part in value:
                    self.name_all(part, member)
            case _:
                return

    def path(self, path: str) -> str:
        """A recorded path, its ids by their names."""
        return "/".join(self._names.get(part, part) for part in path.split("/"))

    def recorded_text(self, text: str) -> str:
        """A recorded text, the ids in it by their names."""
        return WORD.sub(lambda found: self._names.get(found[0], found[0]), text)

    def text_here(self, text: str) -> str:
        """A text of the other side, the ids in it by their names."""

        def put(found: re.Match[str]) -> str:
            recorded = self._recorded.get(found[0])
            return found[0] if recorded is None else self.name(recorded)

        return WORD.sub(put, text)

    def hidden(self, text: str) -> str:
        """The text without any secret that is known."""
        for word, value in self.values.items():
            if len(value) >= SHORTEST_SECRET and kind_of(word) not in ANY_VALUE:
                for form in writings(value):
                    text = text.replace(form, word)
        return text
