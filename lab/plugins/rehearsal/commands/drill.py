"""`lab drill`: every variant of a happy scenario with a single fault, listed or written to a folder."""

from lab.cli.console import Console
from lab.faults.yamltext import yaml_text
from lab.files.artifacts import write_texts
from lab.files.scenarios import SCENARIO_ENDING
from lab.plugins.rehearsal.drills.drills import FAMILIES
from lab.plugins.rehearsal.drills.named import drills_of
from lab.settings import Flags, ScenarioSettings


def execute(flags: Flags, console: Console) -> int:
    """List the drills, or with `--out` write them, or both with `--json`; how many, and why, goes to stderr."""
    settings = flags.into(ScenarioSettings)
    program, happy, chosen = drills_of(settings, flags["target"], flags["family"], flags["only"])
    if flags["out"] is not None:
        texts = {f"{each.document['name']}{SCENARIO_ENDING}": yaml_text(each.document) for each in chosen}
        write_texts(flags["out"], {**program.files, **texts}, force=flags["force"])
    for each in chosen:
        if flags["json"]:
            document = {"name": each.name, "family": each.family, "kind": each.kind, "where": each.where}
            console.json({**document, "good_client": [*each.ends], "scenario": each.document})
        elif flags["out"] is None:
            console.out(f"{each.name:<34}  {FAMILIES[each.family]:<8}  {each.where}")
    console.err(
        f"{program.name}: {happy.formula}" + ("" if len(chosen) == happy.drills else f"; {len(chosen)} of them")
    )
    return 0
