"""What a recording of a pod begins with, and how its secrets are found: nobody tells them, so traffic does (recordings.md §16)."""

import re
from collections.abc import Iterable
from functools import partial
from urllib.parse import parse_qsl, urlsplit

from lab.core.clock import INSTANT_EPOCH, Epoch, Millis, epoch_text
from lab.core.exchange import Headers
from lab.identity.clients import SHORTEST_SECRET
from lab.jobs.derived import Derived
from lab.language.document import Switches
from lab.mock.config import Config
from lab.recording.alias import HERE, numbered
from lab.recording.header import PacedClock
from lab.recording.known_secrets import KnownSecrets
from lab.recording.leaks import harmless_host
from lab.recording.lines import CAPTURE, ClockSpec, Header
from lab.recording.redact import Redactor
from lab.recording.secret_forms import forms_of
from lab.recording.secret_names import is_secret, kind_under
from lab.recording.vocabulary import own_words

_ORIGIN = re.compile(r"(?i)https?://(?:[^/\s@\"'<>]*@)?((?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]+)?)")
_MOST_HOSTS = 1_000
"""Hosts that get a number; more come of somebody who makes them up."""
_CLIENT_NAMES = ("client_id", "clientid")
_USER_NAMES = ("username", "user_name", "login_hint")


def capture_header(*, lab: str, clock: PacedClock, epoch: Epoch, t: int = 0) -> Header:
    """Line 0 of a recording of a pod: it has no scenarios, seed and generators."""
    factor = clock.factor if clock.mode == "scaled" else None
    return Header(
        t=t,
        lab=lab,
        source=CAPTURE,
        settings={},
        features=("blob",),
        clock=ClockSpec(mode=clock.mode, factor=factor, epoch=epoch_text(epoch)),
    )


class CapturedSecrets(KnownSecrets):
    """Clients, users and hosts are numbered as they are met; whether a credential was right only its answer tells."""

    def __init__(self) -> None:
        config = Config((), Switches(), 0, INSTANT_EPOCH, clients=(), accounts=())
        super().__init__(words=partial(own_words, config))
        self._met: dict[tuple[str, str, str], str] = {}
        """By kind, name and secret."""
        self._named: dict[tuple[str, str], str] = {}
        self._hosts: dict[str, int] = {}

    def alias(self, value: str, kind: str, why: str = "") -> str:
        """As any; what a client sends is no worse than what it was given."""
        return super().alias(value, "token") if kind == "wrong" else super().alias(value, kind, why)

    def pair(self, readings: tuple[tuple[str, str], ...], whole: str) -> str:
        """The alias of the client whose name and secret were sent."""
        return self.login("client", *readings[0])

    def no_pair(self, whole: str) -> str:
        """The alias of what was sent as a pair and is none."""
        return self.secret(whole)

    def login(self, kind: str, name: str, secret: str) -> str:
        """The alias of a client's or user's name and secret; both are known from now on."""
        key = kind, name, secret
        if (known := self._met.get(key)) is not None:
            return known
        alias = self._met[key] = numbered(kind, self._counts[kind] + 1)
        self._counts[kind] += 1
        self.bind(secret, alias)
        if name:
            self.look_for(secret, alias, name)
            self.name(kind, name)
        return alias

    def name(self, kind: str, name: str) -> str:
        """The alias of a client's or user's name: with the number of the first secret that was sent with it."""
        key = kind, name
        if (known := self._named.get(key)) is not None:
            return known
        number = next((alias for (of, named, _), alias in self._met.items() if (of, named) == key), None)
        alias = number.replace("»", ":id»") if number else numbered(kind, self._counts[kind] + 1, "id")
        self._counts[kind] += number is None
        self._named[key] = alias
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


def _bare(place: str) -> str:
    return place if place.startswith("[") else place.partition(":")[0]


class CaptureRedactor(Redactor):
    """Replaces the secrets of traffic that nobody of the lab's takes part in."""

    secrets: CapturedSecrets

    def __init__(self, pod: Iterable[str], own: Iterable[str] = ()) -> None:
        """`pod` are the origins that are H1, H2, …; `own` those at which clients call the lab."""
        secrets, own = CapturedSecrets(), tuple(own)
        super().__init__(secrets, own[0] if own else "")
        for origin in dict.fromkeys(pod):
            secrets.host(origin)
        for origin in own[1:]:
            secrets.texts.add(origin, HERE, bounded=False)

    def flat(self, text: str) -> str:
        """As any; the hosts in it have numbers from now on."""
        if "://" in text:
            for found in _ORIGIN.finditer(text):
                self.secrets.meet(f"{found[0].partition('://')[0]}://{found[1]}")
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
            return self.text(value)
        if (known := self.secrets.find(value)) is not None:
            return known
        if lower == "client_secret" or (oauth and lower == "password"):
            return self.secrets.login("client" if lower == "client_secret" else "user", "", value)
        return self.secrets.alias(value, kind_under(name, oauth=oauth))


def _query(url: str) -> str:
    try:
        return urlsplit(url).query
    except ValueError:
        return ""


class NoJobs:
    """The source of a tape that knows no jobs: what it is told is all there is."""

    config = Config((), Switches(), 0, INSTANT_EPOCH, clients=(), accounts=())

    def derived(self, job: str, now: Millis) -> Derived | None:
        """Nothing follows."""
        return None
