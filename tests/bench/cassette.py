"""vcrpy's playback of polls, as a yardstick: one cassette in memory's reach, played over urllib."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

import vcr
import yaml

from tests.bench.mock import WAITING_AT, waiting


@contextmanager
def playing(exchanges: int) -> Iterator[Callable[[], float]]:
    """Microseconds an exchange of a cassette that holds so many, read and played once a call."""
    mock, _, job = waiting()
    body = json.loads(mock.status_of(job, WAITING_AT) or b"")
    urls = [f"http://lab.test/status/{number}" for number in range(exchanges)]
    cassette = {"version": 1, "interactions": [
        {
            "request": {"method": "GET", "uri": url, "body": None, "headers": {}},
            "response": {
                "status": {"code": 200, "message": "OK"}, "headers": {"Content-Type": ["application/json"]},
                "body": {"string": json.dumps({**body, "poll": url})},
            },
        }
        for url in urls
    ]}  # fmt: skip
    with TemporaryDirectory() as folder:
        path = Path(folder, "polls.yaml")
        path.write_text(yaml.safe_dump(cassette))

        def play() -> float:
            begun = time.perf_counter()
            with vcr.use_cassette(str(path), record_mode="none"):
                for url in urls:
                    assert json.loads(urlopen(url).read())["poll"] == url
            return (time.perf_counter() - begun) / exchanges * 1e6

        yield play
