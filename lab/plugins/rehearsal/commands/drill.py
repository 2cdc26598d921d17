"""`lab drill`: every variant of a happy scenario with a single fault, listed or written to a folder."""

from itertools import chain

from lab.cli.console import Console
from lab.files.artifacts import write_texts
from lab.plugins.rehearsal.drills.drills import drills_of, variant_files
from lab.plugins.rehearsal.drills.kinds import FAMILIES
from lab.plugins.rehearsal.options import DrillSettings


def execute(settings: DrillSettings, console: Console) -> int:
    """List the drills, or with `--into` write them, or both with `--json`; how many, and why, goes to stderr."""
    program, happy, chosen = drills_of(settings.where, settings.target, settings.family, settings.only)
    if settings.into is not None:
        texts = dict(chain(*(variant_files(each.document, program)[1].items() for each in chosen)))
        write_texts(settings.into, texts, force=settings.force)
    for each in chosen:
        if settings.json:
            document = {"name": each.name, "family": each.family, "kind": each.kind, "where": each.where}
            console.json({**document, "good_client": [*each.ends], "scenario": each.document})
        elif settings.into is None:
            console.out(f"{each.name:<34}  {FAMILIES[each.family]:<8}  {each.where}")
    fewer = f"; {len(chosen)} of them" if len(chosen) < happy.drills else ""
    console.err(f"{program.name}: {happy.formula}{fewer}")
    return 0
