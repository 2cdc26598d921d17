"""Secrets of a client and of the lab itself: none in what is said of the client."""

import pytest

from tests.cli.test_canaries import CANARIES, OWN, found_in, recorded_day
from tests.conftest import Lab


@pytest.mark.long
@pytest.mark.usefixtures("runtime")
def test_no_secret_stands_in_a_report(lab: Lab) -> None:
    token, said = recorded_day(lab, ("report", "outcome?code=0"))
    assert '"rules"' in said["control"]
    said["report"] = lab(
        "report", "day", "--format", "json", "--out", "junit=report.xml", "--out", "html=report.html"
    ).out
    for name in ("report.xml", "report.html"):
        said[name] = (lab.folder / name).read_text()
    assert all(len(text) > 10 for name, text in said.items() if name != "log")
    secrets = (*CANARIES.values(), *OWN, token, token.rpartition(".")[2])
    assert {name: leaked for name, text in said.items() if (leaked := found_in(text, secrets))} == {}
