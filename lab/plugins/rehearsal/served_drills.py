"""`lab serve --drills`: the drills of a scenario, each to be chosen by a client."""

from lab.faults.yamltext import yaml_text
from lab.files.scenarios import digest_of
from lab.jobs.program import Program
from lab.mock.history import compiled_again
from lab.plugins.rehearsal.drills.drills import Drill, drills_of
from lab.plugins.rehearsal.served_options import ServedDrillsSettings
from lab.server.labs import LabChoice, OfferedChoices
from lab.settings import MockSettings


def offer(settings: ServedDrillsSettings, mock: MockSettings) -> OfferedChoices:
    """Those that the call asks for."""
    happy, _, drills = drills_of(mock, settings.target, settings.family, settings.only)

    def choice(drill: Drill) -> LabChoice:
        def load() -> Program:
            text = yaml_text(drill.document)
            digest = digest_of(text.encode(), happy.files)
            return compiled_again(str(drill.document["name"]), digest, text, happy.files)

        return LabChoice(drill.name, load, lambda: happy.scenario, drill.ends, drill.strikes)

    note = f"{len(drills)} drills of {settings.target} can be chosen: GET /_lab/scenarios lists them."
    return OfferedChoices(tuple(map(choice, drills)), (settings.target,), note)
