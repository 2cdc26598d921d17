"""Scenarios as an author writes them who has read the page on scenarios: clean, run, recorded, replayed."""

import re
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import pytest

from lab.core.clock import INSTANT_EPOCH
from lab.identity.clients import JANE, Account
from lab.jobs.program import program_of
from lab.language.parse import parse_scenario
from lab.mock.config import Config
from lab.program.switches import Switches
from lab.recording.format.reader import read
from lab.recording.replay.replay import replay
from tests.conftest import Called, Lab
from tests.recording.joined import Joined
from tests.wire_peer import invoke, status, token_request
from tests.wire_peer import read as json_of

HERE = Path(__file__).parent
AUTHORED = sorted(path.stem for path in HERE.glob("*.yaml"))


def run(lab: Lab, name: str, seed: int, old: str = "", new: str = "") -> Called:
    """A run of the scenario with `new` for one text of it, recorded and replayed."""
    text = (HERE / f"{name}.yaml").read_text()
    assert old in text
    text = text.replace(old, new, 1)
    Path("mine").mkdir(exist_ok=True)
    Path(f"mine/{name}.yaml").write_text(text)
    tape = Path.cwd() / "run.rec.jsonl"
    tape.unlink(missing_ok=True)
    done = lab("run", name, "--scenarios", "mine", "--seed", str(seed), "--speed", "instant", "--record", tape)
    assert lab("replay", tape, "--scenarios", "mine").code == 0
    return done


@pytest.mark.parametrize("name", AUTHORED)
def test_each_is_clean(lab: Lab, name: str) -> None:
    done = lab("check", HERE / f"{name}.yaml", "--strict", "--plan")
    assert done.code == 0 and "warning" not in done.out


def test_one_in_five_fails_by_the_seed(lab: Lab) -> None:
    done = {seed: run(lab, "errors-by-seed", seed) for seed in (1, 7, 9)}
    assert not any(each.code for each in done.values())  # a branch leads to the error, so it is as expected
    failed = [seed for seed, each in done.items() if "doesn't answer" in each.out]
    planned = [
        seed
        for seed in done
        if "-> silent" in lab("check", "mine/errors-by-seed.yaml", "--plan", "--seed", str(seed)).out
    ]
    assert failed == planned != [] and len(failed) < len(done)
    assert all("Meter 17 was read." in each.out for seed, each in done.items() if seed not in failed)


def test_above_the_limit_the_director_decides(lab: Lab) -> None:
    assert "1200 paid, approved by director." in run(lab, "amount-limit", 1).out
    assert "1000 paid." in (done := run(lab, "amount-limit", 1, "amount: 1200", "amount: 1000")).out
    assert "WAITING" not in done.out
    later = run(lab, "amount-limit", 1, "verdict: approved", "verdict: rejected, comment: later please")
    assert "It is paid next month." in later.out


def test_whoever_is_asked_first_or_later_decides(lab: Lab) -> None:
    done = run(lab, "escalation", 1)
    assert done.code == 0 and "80 EUR refunded by manager." in done.out and "26:00:02 DECIDED" in done.out
    clerk = run(lab, "escalation", 1, "reviewer: nobody", "reviewer: {after: 25h, verdict: approved, by: clerk}")
    assert "80 EUR refunded by clerk." in clerk.out and "25:00:02 DECIDED" in clerk.out
    quick = lab("check", HERE / "escalation.yaml", "--plan").out
    assert "Refund 80 EUR?" in quick and "Nobody has answered for a day. Refund 80 EUR?" in quick


def test_an_answer_quotes_who_decided_and_what_was_said(lab: Lab) -> None:
    said = 'Ann "Red" O\'Hara said: "Fine: {as it is} # 1"'
    assert f"Published. {said}" in run(lab, "quoted-words", 1).out
    assert f"Not published. {said}" in run(lab, "quoted-words", 1, "verdict: approved", "verdict: rejected").out


def test_another_user_has_another_answer(lab: Lab) -> None:
    assert "Log in as a person." in (done := run(lab, "answer-per-user", 1)).out and done.code == 0
    text = (HERE / "answer-per-user.yaml").read_text()
    program = program_of(parse_scenario(text, "answer-per-user.yaml"), sha256(text.encode()).hexdigest())
    boss = Account("boss", "lab-password-boss", "Bo Boss", ("MANAGER",))
    joined = Joined(Config((program,), Switches(), 42, INSTANT_EPOCH, accounts=(JANE, boss)))
    outputs: list[object] = []
    for user in (JANE, boss):
        granted = json_of(joined.ask(token_request("password", username=user.name, password=user.password)))
        bearer = str(granted["access_token"])
        job = str(json_of(joined.ask(invoke(bearer, b'{"message":"x"}', "SALARY_TEAM")))["jobId"])
        joined.now += 5_000
        outputs.append(json_of(joined.ask(status(bearer, job, "SALARY_TEAM")))["output"])
    assert outputs == ["You see your own salary only, Jane Doe.", "The team of Bo Boss earns 412,000 in all."]
    joined.tape.close(joined.now)
    result = replay(read(joined.data), [program])
    assert result.passed and result.again() == joined.data, result.text()


def test_the_rows_of_an_order_add_up(lab: Lab) -> None:
    dear = run(lab, "related-rows", 1).out
    lines = re.findall(r"(\d+) x (\S+) at (\S+): (\S+)", dear)
    assert 2 <= len(lines) <= 5 and all(Decimal(total) == int(n) * Decimal(price) for n, _, price, total in lines)
    found = re.search(r"Sum (\S+), due (\S+)", dear)
    assert found is not None and Decimal(found[1]) == sum(Decimal(each[3]) for each in lines)
    assert Decimal(found[2]) in (Decimal(found[1]), round(Decimal(found[1]) * 9 / 10, 2))
    assert '"due"' in run(lab, "related-rows", 1, "[5, 90]", "[1, 2]").out


def test_an_edited_share_shows_in_a_replay_by_the_lot_that_was_recorded(lab: Lab) -> None:
    run(lab, "errors-by-seed", 1)
    path = Path("mine/errors-by-seed.yaml")
    text = path.read_text()
    found: dict[str, int] = {}
    for chance in ("20%", "21%", "100%"):  # the lot of seed 1 lies above both
        path.write_text(text.replace("chance: 20%", f"chance: {chance}"))
        found[chance] = lab("replay", Path.cwd() / "run.rec.jsonl", "--scenarios", "mine").code
    assert found == {"20%": 0, "21%": 0, "100%": 1}


def test_an_agent_within_hands_back_what_the_answer_is_made_of(lab: Lab) -> None:
    done = run(lab, "delegate", 7)
    price = re.search(r"We offer 20 pumps at (\d\d\.\d\d) EUR\.", done.out)
    assert price is not None
    planned = lab("check", "mine/delegate.yaml", "--plan", "--seed", "7").out
    assert f"pricing hands back: {price[1]}" in planned


def test_agents_side_by_side_end_each_by_itself_and_the_slower_carrier_is_left(lab: Lab) -> None:
    done = run(lab, "side-by-side", 7)
    assert re.search(r"\d\d\.\d\d EUR in \d days, by train\.", done.out)
    planned = lab("check", "mine/side-by-side.yaml", "--plan", "--seed", "7").lines
    assert sum("ask-around" in line for line in planned) == 2
    assert any(line.strip() == "left: lorry" for line in planned)
