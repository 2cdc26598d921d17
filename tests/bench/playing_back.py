"""A recording played back: its answers asked for in this process, and over loopback by the client of the yardstick."""

import asyncio
import json
import time
from urllib.request import Request as UrlRequest
from urllib.request import urlopen

from msgspec.structs import replace

from lab.clocks import SystemClock
from lab.core.exchange import Request
from lab.core.observe import Replied
from lab.recording.format.lines import Recording
from lab.recording.playback.playback import RecordingPlayback
from lab.recording.playback.service import PlaybackService
from lab.recording.tape.header import config_of
from lab.server.mock_server import MockServer
from tests.bench.mock import accepted, granted, invoke_request, service, status_request

LATER = 1_800_000_000
"""An epoch that is not the recording's, so that instants in bodies are moved."""


def playback_of(recording: Recording) -> tuple[PlaybackService, Request]:
    """What plays it back, with its job begun, and the poll."""
    playback = PlaybackService(replace(config_of(recording, ()), epoch=LATER), RecordingPlayback(recording, LATER))
    token, mock = granted(playback), service()
    return playback, status_request(mock, token, accepted(playback, invoke_request(mock, token)))


def in_memory(recording: Recording, polls: int) -> float:
    """Microseconds an exchange, what finds them again included, polled as often as recorded."""
    begun = time.perf_counter()
    playback, poll = playback_of(recording)
    for number in range(polls):
        reply = playback.serve(poll, number * 100)
        playback.tell(Replied(number * 100, reply.x, reply.response, reply.latency))
        assert reply.response.status == 200
    return (time.perf_counter() - begun) / polls * 1e6


def over_loopback(recording: Recording, polls: int) -> float:
    """The same, asked by urllib over a connection each."""
    begun = time.perf_counter()
    asyncio.run(_served(recording, polls))
    return (time.perf_counter() - begun) / polls * 1e6


async def _served(recording: Recording, polls: int) -> None:
    playback, poll = playback_of(recording)
    server = MockServer(playback, SystemClock())
    request = UrlRequest(await server.start() + poll.path, headers=dict(poll.headers))

    def ask() -> None:
        for _ in range(polls):
            assert json.loads(urlopen(request, timeout=10).read())["status"]

    await asyncio.to_thread(ask)
    await server.stop()
