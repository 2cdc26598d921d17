"""The secrets of one tape that are known, and the alias of each (recordings.md §5).

A secret becomes a typed alias, numbered by first appearance: same value, same alias. Never a hash, for short
secrets can be guessed from one.
"""

from collections.abc import Callable, Iterable
from functools import cached_property
from urllib.parse import unquote, unquote_plus

from lab.core.errors import UsageError
from lab.identity.clients import REFUSED_SECRET, SHORTEST_SECRET
from lab.recording.redaction.alias import (
    CONFIGURED,
    KINDS,
    in_text,
    kind_of,
    named,
    number_alias,
    number_of,
    numbered,
    secret_of,
    why_odd,
)
from lab.recording.redaction.bearer_tokens import IS_HEAD, IS_TOKEN
from lab.recording.redaction.known_texts import LONGEST_WRITING, KnownTexts
from lab.recording.redaction.secret_forms import escapes_of, forms_of
from lab.recording.redaction.shapes import HEX

MOST_AT_ONCE = 64
"""Secrets of a peer's in one exchange that are looked for in every writing; of more only as they were written."""
_PASSED = 16384
_SENT = ("«wrong:", "«part:", "«secret:", "«cookie:", "«assertion:")
"""How the aliases begin of what peers made up; what the lab gave can't be one of its words."""
_MADE_UP = (*_SENT, "«digits:")
"""The same with numbers, which are none of its words."""


class KnownSecrets:
    """Gives aliases, and tells what has to be looked for in texts."""

    def __init__(
        self,
        clients: Iterable[tuple[str, str]] = (),
        users: Iterable[tuple[str, str]] = (),
        words: Callable[[], str] = str,
    ) -> None:
        """`words` gives the lab's own, in one text; asked for once a peer brings a secret."""
        self.generation = 0
        """Grows whenever a text that was redacted before may have to be redacted anew."""
        self.values: dict[str, str] = {}
        """What each numbered alias stands for."""
        self.texts = KnownTexts()
        """What is looked for in texts: secrets in every writing."""
        self.numbers: dict[str, str] = {}
        """The aliases of numbers, by how they were written."""
        self.made_anew = False
        """Whether what peers sent is a replay's own: none is too many then, or too long."""
        self._room = MOST_AT_ONCE
        self._aliases: dict[str, str] = {}
        self._counts = dict.fromkeys(KINDS, 0)
        self._words_of = words
        self._no_pairs: dict[str, str] = {}
        """The aliases of secrets of clients and users that were sent as a pair."""
        self._codes: dict[str, str] = {}
        """The aliases of user codes, by their letters."""
        self._ids: set[str] = set()
        self._passed: set[str] | None = set()
        """What looked like the code of a gate and was written, for no secret was known; None: too many to tell."""
        self._clients = {client: secret for client, secret in clients if secret}  # a public one has none
        self._users = dict(users)
        for kind, secrets in (("client", self._clients), ("user", self._users)):
            for name, secret in secrets.items():
                self._configure(kind, name, secret)

    def _configure(self, kind: str, name: str, secret: str) -> None:
        if len(secret) < SHORTEST_SECRET:
            raise UsageError(
                f"The secret of {kind} {name} is too short to be kept out of a recording.",
                hint=f"Use {SHORTEST_SECRET} characters or more.",
            )
        self._add(secret, named(kind, name), name)
        for form in escapes_of(secret):
            self.texts.add(form, named(kind, name), bounded=False)

    def begin(self) -> None:
        """What is told from now on is of another exchange."""
        self._room = MOST_AT_ONCE

    # Aliases

    def find(self, value: str) -> str | None:
        """The alias of a value that is known."""
        return self._aliases.get(value)

    def alias(self, value: str, kind: str, why: str = "") -> str:
        """The alias of a secret; one not known yet is known from now on, wherever it turns up."""
        known = self._aliases.get(value)
        if known is not None:
            return known
        return self.bind(value, numbered(kind, self._counts[kind] + 1, why_odd(value, kind, why)))

    def given(self, value: str, kind: str) -> str:
        """The alias of what the lab gives. Somebody may have sent it before, from a lab of the same seed: it was wrong then."""
        known = self._aliases.get(value)
        if known is not None and not known.startswith(_SENT):
            return known
        self.generation += known is not None
        return self.bind(value, numbered(kind, self._counts[kind] + 1))

    def bind(self, value: str, alias: str) -> str:
        """Let `alias` stand for `value`; a replay does so for what it makes up."""
        kind = kind_of(alias)
        # a replay binds those alone that were written: what one was found in may have become known as a whole later
        self._counts[kind] = max(self._counts.get(kind, 0), number_of(alias))
        self.values.setdefault(alias, value)
        if kind == "number":
            self.numbers[value] = alias
            if len(value) >= SHORTEST_SECRET:
                self.values[in_text(alias)] = value
                self._add(value, in_text(alias))
            return alias
        self._aliases[value] = alias
        if kind == "usercode":
            self._codes[_letters(value)] = alias
        self.look_for(value, alias)
        return alias

    def take(self, kind: str) -> int:
        """The number of the next alias of a kind, for a value that isn't known here."""
        self._counts[kind] += 1
        return self._counts[kind]

    def secret(self, value: str) -> str:
        """The alias of a text that is some secret."""
        return self.encoded(value, "secret")

    def encoded(self, value: str, kind: str) -> str:
        """The alias of a secret that may be percent-encoded: what it says may turn up as it is."""
        alias = self.alias(value, kind)
        plain = unquote(value) if "%" in value else value
        if plain != value and plain not in self._aliases:
            self.look_for(plain, alias)
        return alias

    def number(self, written: str) -> str:
        """The alias of a number; a long one is looked for in texts, too."""
        known = self.numbers.get(written)
        if known is None:
            known = self.bind(written, number_alias(self._counts["number"] + 1, written))
        return known

    def pair(self, readings: tuple[tuple[str, str], ...], whole: str) -> str:
        """The alias of a name and a secret, in either reading; `whole`: as they were sent."""
        for client, secret in readings:
            if self._clients.get(client) == secret:
                return named("client", client)
            if self._users.get(client) == secret:
                return named("user", client)
        known = self._aliases.get(whole)
        if known is not None and "malformed" not in known:  # a replay makes no pair of what was sent as a bearer
            return known
        why = why_odd(whole, "wrong", "unknown")
        alias = self.bind(whole, numbered("wrong", self._counts["wrong"] + 1, why))
        for _, secret in readings:
            if secret not in self._aliases and secret != REFUSED_SECRET:
                self.look_for(secret, secret_of(alias, why_odd(secret, "wrong", "")), readings[0][0])
        return alias

    def no_pair(self, whole: str) -> str:
        """The alias of what was sent as a pair and is none; of a client's or user's secret it is another than elsewhere."""
        known = self._aliases.get(whole)
        if known is None or not known.startswith(CONFIGURED):
            return self.alias(whole, "wrong", "malformed")
        if whole not in self._no_pairs:
            self._counts["wrong"] += 1
            why = why_odd(whole, "wrong", "malformed")
            self._no_pairs[whole] = numbered("wrong", self._counts["wrong"], why)
        return self._no_pairs[whole]

    def learn_typed(self, code: str) -> None:
        """A user code that is known, typed in another way: it is the same code (RFC 8628 §6.1)."""
        alias = self._codes.get(_letters(code))
        if alias is not None:
            self._aliases[code] = alias
            self.look_for(code, alias)

    # What is looked for in texts

    @cached_property
    def _words(self) -> str:
        return self._words_of()

    def is_own(self, text: str) -> bool:
        """Whether it is an id that the lab gave, or one of its own words, or a part of them."""
        return text in self._ids or text in self._words

    def learn_id(self, text: str) -> None:
        """It is an id, and everybody may see it, also where somebody sends it as a secret; unless it was one before."""
        if text not in self._aliases:
            self._ids.add(text)

    def look_for(self, value: str, alias: str, client: str | None = None) -> None:
        """Look for the value everywhere from now on, if other text can be told from it; `client`: whose it is."""
        # one that is encoded is read, and repeated, as what it means
        if len(unquote_plus(value)) >= SHORTEST_SECRET and not (alias.startswith(_SENT) and self.is_own(value)):
            self._add(value, alias, client)

    def _add(self, value: str, alias: str, client: str | None = None) -> None:
        self._aliases[value] = alias
        # quotes around it would be taken for those of JSON around it
        bare = value.strip('"')
        if bare != value and (bare in self._aliases or len(bare) < SHORTEST_SECRET):
            return
        self._look_for(bare, alias, client)

    def _look_for(self, value: str, alias: str, client: str | None) -> None:
        # bearer tokens and the codes of gates are many, and their shape finds them; the head of a token stands in all others;
        # what looks like a bearer token was never written, known or not, so nothing has to be redacted anew
        if IS_TOKEN.fullmatch(value) or IS_HEAD.fullmatch(value):
            return
        bare = HEX.fullmatch(value) is not None
        if not bare or self._passed is None or value in self._passed:
            self.generation += 1
        if bare:
            return
        sent, bounded = alias.startswith(_SENT), alias.startswith(_MADE_UP) and not self.made_anew
        forms: Iterable[str] = (value,)
        if (not bounded or self._room > 0) and not (self.made_anew and len(value) > LONGEST_WRITING):
            self._room -= bounded
            forms = forms_of(value, client)
        for form in sorted(forms, key=lambda form: (form != value, len(form), form)):  # the first ones have room
            if not (sent and form != value and self.is_own(form)):
                self.texts.add(form, alias, bounded=bounded)

    def code(self, text: str) -> str:
        """What is written for a text that looks like the code of a gate: its alias, if it is a secret, or itself."""
        known = self._aliases.get(text)
        if known is not None:
            return known
        if self._passed is not None:
            self._passed.add(text)
            if len(self._passed) > _PASSED:
                self._passed = None
        return text


def _letters(code: str) -> str:
    return "".join(each for each in code.upper() if each.isalnum())
