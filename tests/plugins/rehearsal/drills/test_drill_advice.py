"""What is said of each drill to whoever has to mend a client."""

from lab.jobs.own_run import GoodEnd
from lab.plugins.rehearsal.drills.drills import Drill, drills_of
from lab.settings import ScenarioSettings


def drills() -> dict[str, Drill]:
    settings = ScenarioSettings(scenarios="scenarios")
    return {each.name: each for each in drills_of(settings, "approval", (), None)[2]}


def test_each_drill_says_what_is_met_and_what_to_do() -> None:
    for drill in drills().values():
        assert drill.met.startswith(f"{drill.kind} at {drill.where}: ")
        stops = drill.ends == (GoodEnd.CLEAN_STOP,)
        assert stops <= ("Stop, and say so by an exit code" in drill.advice), drill.name


def test_a_message_is_sent_again_only_where_nothing_was_accepted() -> None:
    found = {name: drill.advice for name, drill in drills().items() if name.startswith("w-")}
    for name, words in found.items():
        assert ("don't send the message again" in words) <= ("-invoke-" in name), name
    assert (
        "don't send the message again" in found["w-503-invoke-1"] and "Have a read time-out" in found["w-hang-invoke-1"]
    )
    assert found["w-429-invoke-1"].startswith("Nothing was accepted")
    assert found["w-503-poll-1"].startswith("It is no answer: pause")
