"""A long body is redacted in short steps: between two of them whoever else needs the interpreter gets it."""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import thread_time
from types import FrameType

import pytest

from lab.core.exchange import LONG_BODY, Request
from lab.core.observe import Requested
from lab.recording.format.text import AT_A_TIME, dumps, encoded, first, replaced
from lab.recording.redaction.redactor import redactor_of
from lab.recording.tape.line_cache import LineCache
from tests.conftest import each_row, few_of
from tests.recording.joined import config
from tests.recording.test_canaries import FORM, JSON

SIZE = 300_000


def said(piece: str) -> str:
    """A text of that size; what is looked at begins seldom in it, for each line of Python is measured."""
    return (piece + "-" * 200) * (SIZE // (200 + len(piece.encode())))


BODIES = {
    "a text": (JSON, json.dumps({"message": "Share it: " + "of it " * (SIZE // 6)}).encode()),
    "names of secrets": (JSON, json.dumps({"message": "of the token that it knows, key=value " * (SIZE // 38)}).encode()),
    "one word": (JSON, json.dumps({"message": "token=" + "x" * SIZE + ' secret="'}).encode()),
    "parts of names": (JSON, json.dumps({"message": "a_" * (SIZE // 2) + ' key="'}).encode()),
    "no ASCII": (JSON, json.dumps({"message": said("schön, key= ")}, ensure_ascii=False).encode()),
    "broken JSON": (JSON, b'{"message": "' + said("share it key= ").encode()),
    "JSON in JSON": (JSON, json.dumps({"message": json.dumps({"password": "x" * 20, "a": said("of it ")})}).encode()),
    "bytes": (JSON, b"\xff" + said("of it key= ").encode()),
    "a form": (FORM, b"message=" + b"of+it+" * (SIZE // 6)),
    "a key": (JSON, json.dumps({"message": "-----BEGIN KEY-----" + "of it " * (SIZE // 6)}).encode()),
}  # fmt: skip


class Steps:
    """The longest time of the processor between two lines of Python, in this thread."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._last = 0.0

    def _trace(self, frame: FrameType, event: str, arg: object) -> "object":
        self.longest = max(self.longest, thread_time() - self._last)
        self._last = thread_time()
        return self._trace

    @contextmanager
    def measured(self) -> Iterator[None]:
        before = sys.gettrace()
        self._last = thread_time()
        sys.settrace(self._trace)  # type: ignore[arg-type]
        try:
            yield
        finally:
            sys.settrace(before)


def usual() -> float:
    """How long one pass over a text of that size takes here, as the encoder of JSON makes one."""
    text, encoder = "of it " * (SIZE // 6), json.JSONEncoder(ensure_ascii=False)
    begun = thread_time()
    encoder.encode(text)
    return thread_time() - begun


@pytest.mark.parametrize("name", few_of(BODIES, ("names of secrets", "no ASCII", "JSON in JSON", "a form")))
def test_no_step_takes_as_long_as_two_passes_over_the_body(name: str) -> None:
    headers, body = BODIES[name]
    ratios = []
    for _ in range(3):
        cache, steps = LineCache(redactor_of(config())), Steps()
        cache.redactor.secrets.brought("a-secret-of-yesterday", "secret")
        with steps.measured():
            cache.request(Requested(1, 1, "invoke", Request("POST", "/x", "", headers, body)))
        ratios.append(steps.longest / usual())
        if ratios[-1] < 2:
            return
    raise AssertionError(ratios)


@each_row("value", [
    "", "a", "é\u2028\x85\x1b\x7f\n\t\b\f\"\\/" * AT_A_TIME, "x" * (AT_A_TIME + 1) + "\ud800", [1, 1.5e16, -0.0, 10**30, None, True, {"a": "b" * 40_000, "": []}, []],
])  # fmt: skip
def test_a_long_value_is_written_as_any(value: object) -> None:
    assert encoded(value, long=True) == dumps(value).encode()


def test_what_lies_across_two_pieces_is_found() -> None:
    shape = re.compile(r"<\d+>")
    for place in range(AT_A_TIME - 12, AT_A_TIME + 3):
        text = "." * place + "<123456789>" + "." * LONG_BODY
        found = first(shape, text)
        assert found is not None and found.span() == (place, place + 11)
        assert replaced(shape, lambda _: "", text) == "." * (place + LONG_BODY)
    long = "." + "<" + "1" * LONG_BODY + ">."
    assert first(re.compile(r"<\d+"), long)[0] == long[1:-2]  # type: ignore[index]
