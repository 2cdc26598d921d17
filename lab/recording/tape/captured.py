"""A recording of a pod: what it begins with, and as what it is played back (recordings.md §16)."""

import re
from collections.abc import Mapping
from urllib.parse import unquote

from msgspec.structs import replace

from lab.core.clock import INSTANT_EPOCH, Epoch, Millis, epoch_text
from lab.core.exchange import Json
from lab.identity.clients import Account, Client
from lab.jobs.facts import Derived
from lab.mock.config import Config
from lab.program.switches import Layers, Switches
from lab.recording.format.lines import CAPTURE, ClockSpec, Header, Recording, Req
from lab.recording.redaction.stand_ins import number_of, stand_ins
from lab.recording.tape.header import TOKEN_HOST, PacedClock, config_of

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
