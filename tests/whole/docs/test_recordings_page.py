"""What the page of recordings shows of the format and of redaction is so."""

import re

from lab.identity.clients import SHORTEST_SECRET
from lab.recording.format.lines import End, FactLine, Header, Req, Res
from lab.recording.redaction import stand_ins
from lab.recording.redaction.leaks import FEWEST_TURNS, LEAST_BITS, SHORTEST_RANDOM, is_random
from lab.recording.redaction.stand_ins import KINDS, STAND_IN, stand_in
from tests.conftest import ROOT
from tests.whole.docs.pages import PAGES, codes

PAGE = PAGES["recordings"]


def section(number: str) -> str:
    """The text of one section."""
    after = re.split(rf"(?m)^##+ {re.escape(number)} ", PAGE)[1]
    return re.split(r"(?m)^##+ ", after)[0]


def test_its_lines_stand_in_a_recording_that_ships() -> None:
    shipped = (ROOT / "recordings" / "item-comparison.rec.jsonl").read_text("utf-8").splitlines()
    shown = re.findall(r"(?ms)^\{.*?(?=^\{|\Z)", section("2.").split("```")[1].partition("\n")[2])
    assert len(shown) == 6
    for line in shown:
        parts = "".join(map(str.strip, line.splitlines())).split("…")
        pattern = re.compile(".*?".join(map(re.escape, parts)))
        assert any(pattern.fullmatch(each) for each in shipped), line


def test_every_member_of_a_line_is_told() -> None:
    listed = codes(PAGE.partition("## 2. ")[2].partition("## 3. ")[0]) | {"k"}
    for kind in (Header, Req, Res, FactLine, End):
        assert set(kind.__struct_encode_fields__) - listed == set(), kind


def test_every_kind_of_stand_in_is_told_as_it_is_written() -> None:
    listed = " ".join((section("5.1"), section("16.")))
    for kind in KINDS:
        word = stand_in(kind, 1)
        assert word in listed and STAND_IN.fullmatch(word), kind


def test_length_and_entropy_are_those_that_count() -> None:
    said = section("5.3")
    assert f"{SHORTEST_RANDOM} characters or more" in said and f"{LEAST_BITS} bits of entropy or more" in said
    assert f"take turns {FEWEST_TURNS} times or more" in said
    hidden = section("5.2")
    assert f"fewer than {SHORTEST_SECRET} characters" in hidden
    assert (
        f"less than {stand_ins._BITS_OF_CHANCE} bits" in hidden and f"after the first {stand_ins.MOST_TEXTS}" in hidden
    )
    (allowed,) = re.findall(r"(?m)^(\w{20})  +#", said)
    assert is_random(allowed)
