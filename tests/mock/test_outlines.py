"""Bodies filled into outlines: what a job is told is what the dialect writes of it, whoever was asked about before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.core.clock import Millis
from lab.dialects import FUSION
from lab.mock.config import Config
from lab.mock.service import Service
from lab.program.switches import Switches
from tests.conftest import each_row, examples
from tests.lab_strategies import scenarios
from tests.wire_peer import DOCUMENT, EPOCH, invoke, read, service, status, token

JOBS = 4
WORK, DONE = {"work": "read", "takes": {"between": ["2s", "4s"]}}, {"complete": "done", "output": "Done."}
PICKED = {
    "one_of": ["Pumps", 'Val"ves', "Lager\u00fcber\n", "@job@", 7, None, 1.5, True],
    "weights": [3, 2, 2, 1, 1, 1, 1, 1],
}


def accepted(mock: Service, message: str, **members: object) -> tuple[str, list[str]]:
    """The bearer, and jobs that were asked the same, one after the other."""
    bearer, code = token(mock), mock.config.scenarios[0].scenario.agent.code
    replies = [mock.serve(invoke(bearer, {"message": message, **members}, code), 13 * each) for each in range(JOBS)]
    bodies = [read(reply.response) for reply in replies]
    return bearer, [str(body["jobId"]) for body in bodies if "jobId" in body]  # else a text of it fails at once


def instants(mock: Service, jobs: list[str]) -> list[Millis]:
    """Those at which one of them changes, if nobody acts, and those about them."""
    found = {50}
    for job in jobs:
        now: Millis | None = 50
        for _ in range(8):
            followed = mock.derived(job, now)
            now = followed.until if followed is not None else None
            if now is None:
                break
            found |= {now - 1, now, now + 1}
    return sorted(found)


def told_alike(mock: Service, message: str, **members: object) -> None:
    """Each poll of each job is answered as by a dialect that writes it."""
    bearer, jobs = accepted(mock, message, **members)
    code = mock.config.scenarios[0].scenario.agent.code
    for now in instants(mock, jobs):
        for job in jobs:
            reply = mock.serve(status(bearer, job, code=code), now)
            if not reply.flags and reply.struck is None and reply.response.status == 200:
                assert reply.response.body == mock.status_of(job, now), now


@examples(60, thorough=2_000)
@given(scenarios(), st.booleans(), st.booleans())
def test_jobs_that_were_asked_the_same_are_told_what_each_of_them_would_be_told_alone(
    created, scripted, conversational
):
    mock = Service(Config((created,), Switches(), 7, EPOCH, scripted=scripted))
    told_alike(mock, created.scenario.message, conversational=conversational)


TEXTS = {
    "a drawn value as it is": "{{ data.picked }} for {{ message }}",
    "chosen by what is settled": "{% if decisions['the-boss'].verdict == 'approved' %}Again{% else %}{{ data.picked }}{% endif %}",
    "chosen by a drawn value": "{% if data.picked == 'Pumps' %}A{% else %}B{% endif %}",
    "a drawn value counted": "{{ data.picked|string|length }}",
    "a drawn value in capitals": "{{ data.picked|upper }}",
    "a drawn value without a form of its own": "{{ data.price }}",
    "a value of a drawn one": "{{ data.derived }}",
    "the time": "{{ now }}",
    "the id": "{{ job.id }}",
    "chosen by the time": "{{ now[22] in '01234' }}",
    "chosen by the id": "{{ job.id[3] in '01234567' }}",
    "marks": "@job@ @0@ @1@ @conversation@",
}
DATA = {"picked": PICKED, "price": {"between": [1, 2], "decimals": 2}, "derived": {"value": "{{ data.picked }}!"}}


@each_row("text", TEXTS.values(), ids=TEXTS)
@each_row("conversational", [True, False])
def test_whatever_a_text_makes_of_what_was_drawn_each_job_has_its_own(text, conversational):
    gate = {"gate": "the-boss", "asks": text, "patience": "9s", "verdicts": {"changes-requested": "read"}}
    wait = {"wait": "pause", "takes": {"between": ["1m", "9m"]}, "says": text}
    for step in (gate, wait, {"complete": "end", "output": text}, {"complete": "end", "output": {"json": {"a": text}}}):
        steps = [WORK | {"says": text}, step, *([] if "complete" in step else [DONE])]
        mock = service(DOCUMENT | {"data": DATA, "steps": steps})
        for message in ("Taxi 42", "@0@ Taxi 42 @job@"):
            told_alike(mock, message, conversational=conversational, progressMessage=True)


def test_an_entry_that_is_new_since_the_jobs_were_accepted_is_drawn_for_each():
    gate = {"gate": "the-boss", "asks": "{{ data.picked }}{{ data.new }}", "patience": "9s"}
    before = DOCUMENT | {"data": {"picked": PICKED, "new": "old"}, "steps": [WORK, gate, DONE]}
    mock = service(before)
    bearer, jobs = accepted(mock, "Taxi 42")
    edited = service(before | {"data": {"picked": PICKED, "new": {"one_of": list(range(1_000))}}})
    mock._configure(edited.config)
    bodies = [mock.serve(status(bearer, job), 5_000).response.body for job in jobs]
    assert bodies == [mock.status_of(job, 5_000) for job in jobs]
    assert len({body.partition(b"initialMessage")[2].partition(b",")[0] for body in bodies}) == JOBS


LEARNT = [1, 2, 0, 0]
"""How often the dialect writes for each of the jobs: what was asked once isn't learnt from, and a stand-in is written, too."""


@each_row(
    ("output", "counts"), [("{{ data.picked }}", LEARNT), ("x" * 70_000, [1, 2, 1, 1]), ({"json": []}, [1, 1, 1, 1])]
)
def test_endings_are_learnt_from_unless_they_are_long_or_no_text(output, counts, monkeypatch):
    written = []
    write = type(FUSION).write
    monkeypatch.setattr(type(FUSION), "write", lambda *those: written.append(those) or write(*those))
    ended = [WORK, {"complete": "end", "output": output}]
    mock = service(DOCUMENT | {"data": {"picked": PICKED}, "steps": ended, "retention": None})
    bearer, jobs = accepted(mock, "Taxi 42")
    for job, count in zip(jobs, counts, strict=True):
        written.clear()
        assert mock.serve(status(bearer, job), 9_000).response.body == mock.status_of(job, 9_000)
        assert len(written) - 1 == count


def test_jobs_that_were_told_alike_are_forgotten_each_in_its_time():
    mock = service(DOCUMENT | {"steps": [WORK, DONE], "retention": "1h"})
    _, jobs = accepted(mock, "Taxi 42")
    for job in jobs:
        for now in (9_000, 9_001, 4_000_000):
            assert mock.serve(status(token(mock, now), job), now).response.status == (404 if now > 3_700_000 else 200)


def test_of_what_was_asked_for_the_third_time_nothing_is_written_anew(monkeypatch: pytest.MonkeyPatch):
    written = []
    write = type(FUSION).write
    monkeypatch.setattr(type(FUSION), "write", lambda *those: written.append(those) or write(*those))
    gate = {"gate": "the-boss", "asks": "{{ data.picked }}?", "patience": "9s"}
    mock = service(DOCUMENT | {"data": {"picked": PICKED}, "steps": [WORK | {"says": "{{ match }}"}, gate, DONE]})
    bearer, jobs = accepted(mock, "Taxi 42")
    for now in (50, 5_000):
        counts = []
        for job in jobs:
            written.clear()
            assert mock.serve(status(bearer, job), now).response.status == 200
            counts.append(len(written))
        # the second look is at one of its kind: from then on it is known that there are such, and one is learnt from
        assert counts == (LEARNT if now == 50 else [2, 0, 0, 0])
    mock.decide(jobs[2], "the-boss", "approved", 5_000)
    assert read(mock.serve(status(bearer, jobs[2]), 5_001).response)["status"] == "COMPLETE"
