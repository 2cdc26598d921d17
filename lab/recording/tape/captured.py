"""A recording of a pod: how its bodies are unpacked, its secrets learnt as they pass, and as what it is played back (§16)."""

import re
import zlib
from base64 import b64decode
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from urllib.parse import parse_qsl, unquote

from msgspec.structs import replace

from lab.core.clock import INSTANT_EPOCH, Epoch, Millis, epoch_text
from lab.core.exchange import Headers, Json
from lab.core.jsontext import members_of
from lab.core.unpacking import Unpacked
from lab.identity.clients import SHORTEST_SECRET, Account, Client
from lab.jobs.facts import Derived
from lab.mock.config import Config
from lab.program.switches import Layers, Switches
from lab.recording.format.lines import CAPTURE, LONGEST_BODY, ClockSpec, Header, Recording, Req
from lab.recording.redaction.leaks import ORIGIN, harmless_host
from lab.recording.redaction.redactor import Redactor
from lab.recording.redaction.secret_names import kind_under
from lab.recording.redaction.stand_ins import (
    GIVEN_KINDS,
    HERE,
    MADE_UP,
    KnownSecrets,
    Mark,
    kind_of,
    number_of,
    stand_in,
    stand_ins,
)
from lab.recording.redaction.vocabulary import own_words
from lab.recording.redaction.writings import views
from lab.recording.tape.header import TOKEN_HOST, PacedClock, config_of

_READ = ("gzip", "x-gzip", "deflate")
OF_PACKED = ("content-encoding", "content-length")
"""Headers that tell of the bytes which went over the wire."""


def unpacked(headers: Headers, body: bytes) -> tuple[Headers, bytes]:
    """Headers and body once the body is unpacked; a sentence in its place where it can't be: nobody could look into it."""
    said = [value for name, value in headers if name == "content-encoding"]
    codings = [each for value in said for part in value.lower().split(",") if (each := part.strip()) != "identity"]
    if not codings or not body:
        return headers, body
    plain: bytes | None = body
    for coding in reversed(codings):
        plain = _unpacked(plain, coding) if plain is not None and coding in _READ else None
    if plain is None:
        plain = f"({len(body)} bytes of {', '.join(codings)}, which can't be looked into: not kept)".encode()
    return tuple(pair for pair in headers if pair[0] not in OF_PACKED), plain


def _unpacked(body: bytes, coding: str) -> bytes | None:
    """As much as there is of it: the rest may have been cut. None if it is broken."""
    try:
        # one byte more shows that it was cut
        return Unpacked(coding.removeprefix("x-")).feed(body, LONGEST_BODY + 1)
    except zlib.error:
        return None


_MOST_HOSTS = 1_000
"""Hosts that get a number; more come of somebody who makes them up."""
_NAMING_CLAIMS = {"client_id": "client", "azp": "client", "sub": "user", "email": "user", "user_name": "user"}
"""Claims of a token that name somebody, and whom."""
_CLIENT_NAMES = ("client_id", "clientid")
_USER_NAMES = ("username", "user_name", "login_hint")


class CapturedSecrets(KnownSecrets):
    """Clients, users and hosts are numbered as they are met; whether a credential was right only its answer tells."""

    made_up = MADE_UP | GIVEN_KINDS

    def __init__(self) -> None:
        config = Config((), Switches(), 0, INSTANT_EPOCH, clients=(), accounts=())
        super().__init__(partial(own_words, config))
        self._names: dict[tuple[str, str], int] = {}
        """The numbers of clients and users, by kind and name."""
        self._with_secret: set[tuple[str, int]] = set()
        """Those of which a secret is known."""
        self._hosts: dict[str, int] = {}
        self._learning = False

    @contextmanager
    def learning(self) -> Iterator[None]:
        """Meanwhile texts are gone through for what is a secret, and nothing in them is hidden: nobody keeps them."""
        self._learning = True
        yield
        self._learning = False
        self.generation += 1  # what was remembered meanwhile isn't clean

    def hidden(self, text: str, brought: Mark | None = None, mark: Mark | None = None) -> str:
        """As any."""
        if not self._learning:
            return super().hidden(text, brought, mark)
        for view in views(text):
            deque(self.told_in(view, brought), 0)
        return text

    def brought(self, value: str, kind: str) -> str:
        """As any; what a client sends is no worse than what it was given, and a token may say whose it is."""
        if value not in self.known and value.startswith("eyJ"):
            for name, text in _claims(value):
                self.name(_NAMING_CLAIMS[name], text)
        return super().brought(value, "token" if kind == "wrong" else kind)

    def login(self, kind: str, name: str, secret: str) -> str:
        """What stands for a client's or user's secret; it and the name are known from now on."""
        known = self.find(secret)
        if known is not None and kind_of(known) == kind:
            return known
        number = self._names.get((kind, name)) if name else None
        if number is None or (kind, number) in self._with_secret:
            number = self.next(kind)
        self._with_secret.add((kind, number))
        word = stand_in(kind, number)
        self.configure(secret, word, name)
        if name:
            self.name(kind, name, number)
        return word

    def name(self, kind: str, name: str, number: int | None = None) -> str:
        """What stands for a client's or user's name: with the number of the first secret that was sent with it."""
        # a client's own token has the client as its subject
        for each in (kind, "client"):
            if (each, name) in self._names:
                return stand_in(f"{each} name", self._names[each, name])
        number = self._names[kind, name] = number or self.next(kind)
        word = stand_in(f"{kind} name", number)
        if not self._is_own(name):
            self._look_for(name, word)
        return word

    def host(self, origin: str) -> None:
        """Number a host, if it is new: its name is nobody's from now on, in any URL."""
        place = origin.partition("://")[2]
        number = self._hosts.setdefault(place.lower(), len(self._hosts) + 1)
        word = f"{stand_in('host', number)}.invalid"
        bare = place.partition(":")[0]
        for text in {place, place.lower(), *((bare,) if not harmless_host(bare) else ())}:
            self._look_for(text, word)

    def meet(self, host: str, port: str) -> None:
        """A text names a host."""
        new = f"{host}{port}".lower() not in self._hosts and len(self._hosts) < _MOST_HOSTS
        if new and not harmless_host(host):
            self.host(f"://{host}{port}")


def _claims(token: str) -> Iterator[tuple[str, str]]:
    """What a token says of who it is for: of a JWT, anybody can read it."""
    try:
        body = token.split(".")[1]
        claims = members_of(b64decode(body + "=" * (-len(body) % 4), altchars=b"-_"))
    except (ValueError, IndexError):
        return
    for name in _NAMING_CLAIMS:
        if isinstance(text := claims.get(name), str) and text:
            yield name, text


class CaptureRedactor(Redactor):
    """Replaces the secrets of traffic that nobody of the lab's takes part in."""

    secrets: CapturedSecrets

    def __init__(self, pod: Iterable[str], own: Iterable[str] = ()) -> None:
        """`pod` are the origins that are H1, H2, …; `own` those at which clients call the lab."""
        secrets, own = CapturedSecrets(), tuple(own)
        super().__init__(secrets)
        for origin in own:
            self.stands_for(origin, HERE)
        for origin in dict.fromkeys(pod):
            secrets.host(origin)

    def flat(self, text: str) -> str:
        """As any; the hosts in it have numbers from now on."""
        if "://" in text:
            for found in ORIGIN.finditer(text):
                self.secrets.meet(found[1].rstrip("."), found[2] or "")
        return super().flat(text)

    def header(self, name: str, value: str) -> str:
        """As any; a code in a redirect is a secret from now on."""
        if name == "location" and "code=" in value:
            for member, text in parse_qsl(value.partition("?")[2]):
                if member == "code" and len(text) >= SHORTEST_SECRET:
                    self.secrets.brought(text, "code")
        return super().header(name, value)

    def pair(self, readings: tuple[tuple[str, str], ...], whole: str) -> str:
        """The client whose name and secret were sent."""
        # a form has them decoded, whatever was meant here; a text repeats either
        word = self.secrets.login("client", *readings[-1])
        for name, secret in readings[:-1]:
            if self.secrets.find(secret) is None:
                self.secrets.configure(secret, word, name)
        return word

    def written(self, text: str, *, oauth: bool) -> str:
        """As any; what stands together is one client's, or one user's."""
        if oauth:
            said = {name.lower(): value for name, value in parse_qsl(text) if value}
            for kind, names, secret in (("client", _CLIENT_NAMES, "client_secret"), ("user", _USER_NAMES, "password")):
                name = next((said[each] for each in names if each in said), "")
                if name and secret in said:
                    self.secrets.login(kind, name, said[secret])
        return super().written(text, oauth=oauth)

    def is_secret(self, name: str, value: str, *, oauth: bool, reply: bool) -> bool:
        """Whether it is one by its name, or who somebody is."""
        named = bool(value) and oauth and name.lower() in (*_CLIENT_NAMES, *_USER_NAMES)
        return named or super().is_secret(name, value, oauth=oauth, reply=reply)

    def named(self, name: str, value: str, *, oauth: bool, reply: bool) -> str:
        """What stands for a secret of that name, or for a client's or user's."""
        lower = name.lower()
        if oauth and lower in (*_CLIENT_NAMES, *_USER_NAMES):
            return self.secrets.name("client" if lower in _CLIENT_NAMES else "user", value)
        if lower == "client_secret" or (oauth and lower == "password"):
            return self.secrets.login("client" if lower == "client_secret" else "user", "", value)
        return self.secrets.brought(value, kind_under(name, oauth=oauth))


_SCOPE = "urn:opc:resource:fusion:"
"""How the scopes of a pod begin, before its name."""


def capture_header(
    *, lab: str, clock: PacedClock, epoch: Epoch, t: int = 0, settings: Mapping[str, Json] | None = None
) -> Header:
    """Line 0 of a recording of a pod: it has no scenarios, seed and generators."""
    factor = clock.factor if clock.mode == "scaled" else None
    return Header(
        t=t,
        lab=lab,
        source=CAPTURE,
        settings=settings or {},
        clock=ClockSpec(mode=clock.mode, factor=factor, epoch=epoch_text(epoch)),
    )


class NoJobs:
    """The source of a tape that knows no jobs: what it is told is all there is."""

    config = Config((), Switches(), 0, INSTANT_EPOCH, clients=(), accounts=())

    def derived(self, job: str, now: Millis) -> Derived | None:
        """Nothing follows."""
        return None


def pod_hosts(recording: Recording, origin: str) -> dict[int, str]:
    """By the numbers of the pod's hosts the origin at which its recording is played back."""
    tokens = recording.header.settings.get(TOKEN_HOST)
    numbers = {1, *(map(number_of, stand_ins(tokens)) if isinstance(tokens, str) else ())}
    return dict.fromkeys(numbers, origin)


def config_of_capture(recording: Recording, clients: tuple[Client, ...], accounts: tuple[Account, ...]) -> Config:
    """The OAuth server for a client of the pod's: it knows these, and scopes as the pod's were."""
    config = replace(config_of(recording, ()), clients=clients, accounts=accounts)
    for line in recording.of(Req):
        found = re.search(rf"{_SCOPE}([A-Za-z0-9-]+):", unquote(str(line.body.value)))
        if found is not None:
            return config.settled(Layers({**config.switches.said, "pod": found[1]}))
    return config
