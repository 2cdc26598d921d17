"""What a client of `lab serve` may choose: the scenarios that are served, and what is offered beside; each is recorded by itself."""

import io
import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from lab.cli.console import Console
from lab.cli.serve.served_labs import ServedLabs
from lab.cli.setup import make_setup
from lab.core.exchange import Request
from lab.core.observe import Replied
from lab.dialects.router import ROUTER
from lab.files.recordings import read_recording
from lab.identity.client import token_request
from lab.identity.clients import DEMO
from lab.mock.service import Service
from lab.recording.format.reader import read
from lab.server.labs import LabChoice, LabRefused, ServedLab
from lab.settings import ClockSettings, MockSettings
from tests.scenario_texts import BRIEF
from tests.server.conftest import SCOPE


class Choosing:
    """A lab that serves two scenarios of one team, and what its console was told."""

    def __init__(self, folder: Path, *more: LabChoice, record: str | None = None) -> None:
        for name in ("brief", "short"):
            text = BRIEF.replace("name: brief", f"name: {name}").replace("seed: 1", "seed: 5")
            (folder / f"{name}.yaml").write_text(text)
        self.folder, self.err = folder, io.StringIO()
        settings = MockSettings(scenarios=str(folder), clock=ClockSettings("manual"), record=record)
        self.setup = make_setup(settings)
        service = Service(self.setup.config)
        self.usual, console = ServedLab(service, self.setup.clock), Console(io.StringIO(), self.err)
        self.labs = ServedLabs(self.setup, console, self.usual, choices=more)

    def call(self, name: str) -> int:
        return (
            self.labs.choose(self.usual, name)
            .service.serve(token_request(DEMO.id, DEMO.secret, SCOPE), 0)
            .response.status
        )


def test_each_that_is_served_can_be_chosen_with_the_seed_of_its_own(tmp_path: Path) -> None:
    lab = Choosing(tmp_path)
    assert (lab.call("brief"), lab.call("short")) == (200, 200)
    brief = lab.usual.chosen["brief"]
    assert (brief.service.config.seed, [each.name for each in brief.service.config.scenarios]) == (5, ["brief"])
    with pytest.raises(LabRefused, match="no scenario 'other'"):
        lab.call("other")
    assert [each.scenario for each in lab.usual.used()] == ["brief", "short"]


class Caller:
    """A client of one mock, which takes a token, starts a job, or polls the newest."""

    def __init__(self, service: Service, team: str) -> None:
        self.service, self.team = service, team
        self.token = self.job = ""

    def call(self, what: str, now: int) -> tuple[int, bytes]:
        head = (("authorization", f"Bearer {self.token}"), ("content-type", "application/json"))
        if what == "token":
            request = token_request(DEMO.id, DEMO.secret, SCOPE)
        elif what == "invoke":
            path = ROUTER.path("invoke", code=self.team)
            request = Request("POST", path, headers=head, body=b'{"message": "go on, please"}')
        else:
            request = Request("GET", ROUTER.path("status", code=self.team, job=self.job or "none"), headers=head)
        response = self.service.serve(request, now).response
        document = json.loads(response.body or b"{}")
        self.token, self.job = document.get("access_token", self.token), document.get("jobId", self.job)
        return response.status, response.body


def test_an_edit_reaches_where_it_was_chosen_and_a_new_one_can_be_chosen(tmp_path: Path) -> None:
    lab = Choosing(tmp_path)
    lab.call("brief")
    (lab.folder / "brief.yaml").write_text(BRIEF.replace("output: Done.", "output: Edited."))
    (lab.folder / "later.yaml").write_text(BRIEF.replace("name: brief", "name: later"))
    for edited in make_setup(MockSettings(scenarios=str(lab.folder))).config.scenarios:
        lab.labs.load(edited)
    brief = lab.usual.chosen["brief"]
    assert "Edited." in brief.service.config.scenarios[0].source
    assert lab.call("later") == 200


def test_who_shows_a_token_where_it_was_not_granted_is_told_so_once(tmp_path: Path) -> None:
    lab = Choosing(tmp_path)
    usual, brief = lab.usual.service, lab.labs.choose(lab.usual, "brief")
    grant = json.loads(usual.serve(token_request(DEMO.id, DEMO.secret, SCOPE), 0).response.body)
    poll = Request("GET", ROUTER.path("status", code="BRIEF", job="any"))
    for token in ("of-nobody", grant["access_token"], grant["access_token"]):
        request = replace(poll, headers=(("authorization", f"Bearer {token}"),))
        reply = brief.service.serve(request, 0)
        brief.service.tell(Replied(0, reply.x, reply.response))
    assert lab.err.getvalue() == (
        "note: at /scenario/brief a client shows a token of the plain base URL:"
        " tokens too are asked for beneath the prefix, or with the header.\n"
    )


def test_what_is_chosen_is_recorded_by_itself(tmp_path: Path) -> None:
    lab = Choosing(tmp_path, record=str(tmp_path / "day"))
    lab.call("brief")
    lab.labs.give_up(lab.usual)
    lab.call("brief")
    assert lab.labs.close("closed") == 0
    names = ("day-brief.rec.jsonl", "day-brief-2.rec.jsonl")
    for name in names:
        recording = read(read_recording(tmp_path / name), name)
        assert [each.name for each in recording.header.scenarios or ()] == ["brief"]
        assert [fact.type for fact in recording.facts()] == ["token.granted"]


def test_one_that_can_not_be_recorded_is_served_and_told_of(tmp_path: Path) -> None:
    (tmp_path / "day-brief.rec.jsonl").write_text("of yesterday\n")
    lab = Choosing(tmp_path, record=str(tmp_path / "day"))
    assert lab.call("brief") == 200
    assert (lab.labs.trouble or "").startswith("brief is not recorded: ")
    assert lab.err.getvalue() == f"lab: {lab.labs.trouble}\n"
    assert lab.labs.close("closed") == 4


def test_of_a_crowd_all_jobs_are_wanted() -> None:
    setup = make_setup(MockSettings(targets=("crowd", "quick")))
    service = Service(setup.config)
    usual = ServedLab(service, setup.clock)
    ServedLabs(setup, Console(io.StringIO(), io.StringIO()), usual)
    assert {name: choice.jobs for name, choice in usual.choices.items()} == {"crowd": 20, "quick": 1}
