"""A session of very many polls, recorded to disk and replayed: `python -m tests.recording.million FOLDER [POLLS]`.

A million by default: some 2 GB, which are left in FOLDER. Each poll's answer is another, for each shows another word of
progress. Prints how long it took, and the most memory that the replay had; exit 1 if it fails, or had 1 GiB.
"""

import resource
import sys
import time
from multiprocessing import get_context
from pathlib import Path

from lab import __version__
from lab.core.clock import INSTANT_EPOCH
from lab.core.observe import Replied
from lab.files.recordings import TapeFile, open_recording, read_recording
from lab.jobs.plan import CompiledScenario, compile_scenario
from lab.language.document import Switches
from lab.language.parse import parse_scenario
from lab.mock.config import Config
from lab.mock.service import Service
from lab.recording.header import recording_header
from lab.recording.reader import read
from lab.recording.replay import replay
from lab.recording.tape import Tape
from tests.bench.mock import accepted, granted, invoke_request, status_request

POLLS = 1_000_000
PAUSE = 1_000
"""Milliseconds of the lab's clock between two polls."""
MOST = 1024
"""MiB that a replay may have."""
EVERY = 3_000
"""Polls for which a token is good."""


def scenario() -> CompiledScenario:
    """A job that works for as long as it is polled, and says a little more than two kilobytes each time."""
    text = f"""
lab: 1
name: long-day
title: A long day
agent: {{code: LONG_DAY}}
ask: Go on
steps:
  - work: count
    takes: {{exactly: 30d}}
    says: "{"Another order was read, and nothing of it was new. " * 20}"
  - complete: done
    output: Done.
"""
    return compile_scenario(parse_scenario(text, "long-day.yaml"))
