"""The secrets of a pod's traffic: nobody tells them, so they are learnt as they pass (recordings.md §16)."""

import re
from base64 import b64decode
from collections.abc import Iterable, Iterator
from functools import partial
from urllib.parse import parse_qsl, urlsplit

from lab.core.clock import INSTANT_EPOCH
from lab.core.exchange import Headers
from lab.core.jsontext import members_of
from lab.identity.clients import SHORTEST_SECRET
from lab.mock.config import Config
from lab.program.switches import Switches
from lab.recording.redaction.alias import HERE, number_of, numbered
from lab.recording.redaction.bearer_tokens import IS_JWT
from lab.recording.redaction.known_secrets import KnownSecrets
from lab.recording.redaction.leaks import harmless_host
from lab.recording.redaction.redact import CutRedactor, Redactor
from lab.recording.redaction.secret_forms import forms_of
from lab.recording.redaction.secret_names import is_secret, kind_under
from lab.recording.redaction.vocabulary import own_words

_ORIGIN = re.compile(r"(?i)https?://(?:[^/\s@\"'<>]*@)?((?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]+)?)")
_MOST_HOSTS = 1_000
"""Hosts that get a number; more come of somebody who makes them up."""
_NAMING_CLAIMS = {"client_id": "client", "azp": "client", "sub": "user", "email": "user", "user_name": "user"}
"""Claims of a token that name somebody, and whom."""
_CLIENT_NAMES = ("client_id", "clientid")
_USER_NAMES = ("username", "user_name", "login_hint")


class CapturedSecrets(KnownSecrets):
    """Clients, users and hosts are numbered as they are met; whether a credential was right only its answer tells."""

    def __init__(self) -> None:
        config = Config((), Switches(), 0, INSTANT_EPOCH, clients=(), accounts=())
        super().__init__(words=partial(own_words, config))
        self._named: dict[tuple[str, str], str] = {}
        """The aliases of names, by kind and name."""
        self._with_secret: set[str] = set()
        """Those of which a secret has the number."""
        self._hosts: dict[str, int] = {}

    def alias(self, value: str, kind: str, why: str = "") -> str:
        """As any; what a client sends is no worse than what it was given, and a token may say whose it is."""
        if value not in self._aliases and IS_JWT.fullmatch(value):
            for name, text in _claims(value):
                self.name(_NAMING_CLAIMS[name], text)
        return super().alias(value, "token") if kind == "wrong" else super().alias(value, kind, why)

    def pair(self, readings: tuple[tuple[str, str], ...], whole: str) -> str:
        """The alias of the client whose name and secret were sent."""
        # a form has them decoded, whatever was meant here
        alias = self.login("client", *readings[-1])
        for _, secret in readings:
            if secret not in self._aliases:
                self.bind(secret, alias)
        return alias

    def no_pair(self, whole: str) -> str:
        """The alias of what was sent as a pair and is none."""
        return self.secret(whole)

    def login(self, kind: str, name: str, secret: str) -> str:
        """The alias of a client's or user's name and secret; both are known from now on."""
        known = self.find(secret)
        if known is not None and known.startswith(f"«{kind}:"):
            return known
        met = self._named.get((kind, name)) if name else None
        number = number_of(met) if met is not None and met not in self._with_secret else self.take(kind)
        alias = numbered(kind, number)
        self.bind(secret, alias)
        if name:
            self.look_for(secret, alias, name)
            self._with_secret.add(self.name(kind, name, number))
        return alias

    def name(self, kind: str, name: str, number: int | None = None) -> str:
        """The alias of a client's or user's name: with the number of the first secret that was sent with it."""
        # a client's own token has the client as its subject
        known = self._named.get((kind, name)) or self._named.get(("client", name))
        if known is not None:
            return known
        alias = self._named[kind, name] = numbered(kind, number or self.take(kind), "id")
        self.values.setdefault(alias, name)
        self.look_for(name, alias)
        return alias

    def look_for(self, value: str, alias: str, client: str | None = None) -> None:
        """As any, but never for a word of the wire's, whoever sends it as a secret."""
        if not self.is_own(value):
            super().look_for(value, alias, client)

    def host(self, origin: str) -> None:
        """Number a host, if it is new: its origins have one alias, its name alone another."""
        scheme, _, place = origin.partition("://")
        number = self._hosts.setdefault(place.lower(), len(self._hosts) + 1)
        whole = numbered("host", number)
        name = numbered("host", number, "name")
        self._counts["host"] = len(self._hosts)
        self.values.setdefault(whole, origin)
        self.values.setdefault(name, place)
        self.generation += 1
        for text, alias in ((f"{scheme}://{place}", whole), (place, name), (place.partition(":")[0], name)):
            # of an address without its port nobody could tell whose it is
            if len(text) >= SHORTEST_SECRET and (text != place.partition(":")[0] or not harmless_host(text)):
                for form in {text, text.lower(), *forms_of(text)}:
                    self.texts.add(form, alias, bounded=False)

    def meet(self, origin: str) -> None:
        """A text names a host."""
        place = origin.partition("://")[2]
        if place.lower() not in self._hosts and len(self._hosts) < _MOST_HOSTS and not harmless_host(_bare(place)):
            self.host(origin)


def _claims(token: str) -> Iterator[tuple[str, str]]:
    """What a token says of who it is for: of a JWT, anybody can read it."""
    try:
        body = token.split(".")[1]
        claims = members_of(b64decode(body + "=" * (-len(body) % 4), altchars=b"-_"))
    except ValueError:
        return
    for name in _NAMING_CLAIMS:
        if isinstance(text := claims.get(name), str) and text:
            yield name, text


def _bare(place: str) -> str:
    return place if place.startswith("[") else place.partition(":")[0]


class CaptureRedactor(Redactor):
    """Replaces the secrets of traffic that nobody of the lab's takes part in."""

    secrets: CapturedSecrets

    def __init__(self, pod: Iterable[str], own: Iterable[str] = (), *, secrets: CapturedSecrets | None = None) -> None:
        """`pod` are the origins that are H1, H2, …; `own` those at which clients call the lab.

        With `secrets` it knows what another one has learnt.
        """
        secrets, own = secrets or CapturedSecrets(), tuple(own)
        super().__init__(secrets, own[0] if own else "")
        for origin in dict.fromkeys(pod):
            secrets.host(origin)
        for origin in own[1:]:
            secrets.texts.add(origin, HERE, bounded=False)

    def of_cut(self) -> Redactor:
        """The same for answers of which not all arrived."""
        return _CutCaptureRedactor((), self.origins[:1], secrets=self.secrets)

    def flat(self, text: str) -> str:
        """As any; the hosts in it have numbers from now on."""
        if "://" in text:
            for found in _ORIGIN.finditer(text):
                self.secrets.meet(f"{found[0].partition('://')[0]}://{found[1].rstrip('.')}")
        return super().flat(text)

    def headers(self, headers: Headers) -> Headers:
        """As any; a code in a redirect is a secret from now on."""
        for name, value in headers:
            if name == "location" and "code=" in value:
                for member, text in parse_qsl(_query(value)):
                    if member == "code" and len(text) >= SHORTEST_SECRET:
                        self.secrets.alias(text, "code")
        return super().headers(headers)

    def pairs(self, pairs: Iterable[tuple[str, str]], *, oauth: bool) -> tuple[tuple[str, str], ...]:
        """As any; what stands together is one client's, or one user's."""
        pairs = tuple(pairs)
        if oauth:
            said = {name.lower(): value for name, value in pairs if value}
            for kind, names, secret in (("client", _CLIENT_NAMES, "client_secret"), ("user", _USER_NAMES, "password")):
                name = next((said[each] for each in names if each in said), "")
                if name and secret in said:
                    self.secrets.login(kind, name, said[secret])
        return super().pairs(pairs, oauth=oauth)

    def named(self, name: str, value: str, *, oauth: bool, reply: bool) -> str:
        """The value of a member: its alias, if its name says that it is a secret, or who somebody is."""
        lower = name.lower()
        if value and oauth and lower in (*_CLIENT_NAMES, *_USER_NAMES):
            return self.secrets.name("client" if lower in _CLIENT_NAMES else "user", value)
        if not value or not (is_secret(name) or (oauth and not reply and lower == "code")):
            return self.unnamed(name, value)
        if (known := self.secrets.find(value)) is not None:
            return known
        if lower == "client_secret" or (oauth and lower == "password"):
            return self.secrets.login("client" if lower == "client_secret" else "user", "", value)
        return self.secrets.alias(value, kind_under(name, oauth=oauth))


class _CutCaptureRedactor(CutRedactor, CaptureRedactor):
    """Replaces also the beginning of a secret with which a text ends."""


def _query(url: str) -> str:
    try:
        return urlsplit(url).query
    except ValueError:
        return ""
