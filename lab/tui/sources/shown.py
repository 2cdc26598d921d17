"""What a source says of itself, as the panes draw it."""

from lab.tui.sources.protocol import Source
from lab.tui.view.jobs import Jobs
from lab.tui.view.state import Show


def show_of(source: Source, jobs: Jobs | None, chosen: int | None) -> Show:
    """Of a run of ours its scenario; of a journal that of the job that shows."""
    journal = source.journal
    if journal is None or jobs is None:
        return Show(
            source.pill, source.title, source.team, source.seed, source.scenario, source.recording, source.can,
            source.message, *source.addresses, dead=bool(source.dead),
        )  # fmt: skip
    passage = jobs.chosen(chosen)
    scenario = journal.told(passage.scenario) if passage.scenario else source.scenario
    title = scenario.title if scenario is not None else passage.scenario or source.title
    team = passage.stage.job.team if passage.stage.job is not None else scenario.agent.code if scenario else ""
    return Show(
        source.pill, title, team, source.seed, scenario, source.recording, source.can, "",
        *source.addresses, follows=True, place=jobs.place(chosen), missed=jobs.missed or 0, cursor=journal.cursor, trouble=journal.trouble,
    )  # fmt: skip
