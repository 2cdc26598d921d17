"""`lab serve --drills`: each can be chosen, and answers as if it were served alone."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.cli.console import Console
from lab.cli.parser import read_call
from lab.cli.setup import make_setup
from lab.core.errors import UsageError
from lab.mock.service import Service
from lab.plugins.rehearsal.served_drills import offer
from lab.plugins.rehearsal.served_options import ServedDrillsSettings
from lab.server.labs import OfferedChoices
from lab.settings import MockSettings
from tests.cli.test_chosen_mocks import Caller, Choosing
from tests.scenario_texts import BRIEF


def offered(folder: Path, *, family: tuple[str, ...] = (), only: str | None = None) -> OfferedChoices:
    (folder / "brief.yaml").write_text(BRIEF)
    settings = ServedDrillsSettings(target="brief", family=family, only=only)
    return offer(settings, MockSettings(scenarios=str(folder)))


CALLS = st.tuples(st.sampled_from(("brief", "short", "w-503-invoke-1")), st.sampled_from(("token", "invoke", "status")))


@given(calls=st.lists(CALLS, max_size=20))
def test_whatever_is_called_meanwhile_each_answers_as_if_it_had_been_served_alone(
    calls: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("choosing")
    (drill,) = offered(folder, only="w-503-invoke-1").choices
    lab = Choosing(folder, drill)
    (folder / "brief-w-503-invoke-1.yaml").write_text(drill.load().source)
    chosen, alone = dict[str, Caller](), dict[str, Caller]()
    for now, (name, what) in enumerate(calls):
        if name not in chosen:
            chosen[name] = Caller(lab.labs.choose(lab.usual, name).service, "BRIEF")
            setup = make_setup(
                MockSettings(
                    scenarios=str(folder), targets=(name.replace("w-", "brief-w-"),), epoch=lab.setup.config.epoch
                )
            )
            alone[name] = Caller(Service(setup.config), "BRIEF")
        assert chosen[name].call(what, now) == alone[name].call(what, now)


def test_of_a_happy_scenario_each_drill_can_be_chosen(tmp_path: Path) -> None:
    found = offered(tmp_path, family=("W", "Z"))
    assert found.targets == ("brief",)
    lab = Choosing(tmp_path, *found.choices)
    assert lab.call("w-503-token-1") == 503
    assert lab.call("brief") == 200
    of_it = {each.name: each for each in found.choices}["w-503-token-1"]
    assert (of_it.good_client, of_it.strikes) == (("result",), True)


def test_without_drills_nothing_chooses_among_them() -> None:
    with pytest.raises(UsageError, match="--only does nothing without --drills"):
        read_call(["serve", "--only", "w-503-token-1"], Console())
