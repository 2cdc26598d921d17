"""How deep a value may nest that `lab report` reads in a recording."""

from pathlib import Path

import pytest

from tests.conftest import Lab
from tests.recording.test_depth import (
    NO_LAB_WRITES,
    assert_reads_what_a_client_sent,
    assert_reads_what_a_server_answered,
    assert_refuses,
    deep,
    write_member,
)

__all__ = ["deep"]


def test_what_a_client_sent_is_read(lab: Lab, deep: Path) -> None:
    assert_reads_what_a_client_sent(lab, deep, ("report", "--scenarios", "own"))


def test_what_a_server_answered_is_read(lab: Lab, deep: Path) -> None:
    assert_reads_what_a_server_answered(lab, deep, ("report",))


@pytest.mark.parametrize(("member", "said"), NO_LAB_WRITES)
def test_a_line_that_no_lab_writes_is_refused(lab: Lab, deep: Path, member: bytes, said: str) -> None:
    write_member(deep, member)
    assert_refuses(lab, deep, ("report",), said)
