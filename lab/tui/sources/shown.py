"""What a source says of itself, as the panes draw it."""

from lab.tui.sources.protocol import ScreenSource
from lab.tui.state.journal import JournalState
from lab.tui.state.screen import SourceState


def show_of(source: ScreenSource, jobs: JournalState | None, chosen: int | None) -> SourceState:
    """Of a run of ours its scenario; of a journal that of the job that shows."""
    journal = source.journal
    if journal is None or jobs is None:
        return SourceState(
            source.pill, source.title, source.team, source.seed, source.scenario, source.recording, source.can,
            source.message, *source.addresses, dead=bool(source.dead),
        )  # fmt: skip
    client_run = jobs.chosen(chosen)
    scenario = journal.told(client_run.scenario) if client_run.scenario else source.scenario
    title = scenario.title if scenario is not None else client_run.scenario or source.title
    team = client_run.stage.job.team if client_run.stage.job is not None else scenario.agent.code if scenario else ""
    return SourceState(
        source.pill, title, team, source.seed, scenario, source.recording, source.can, "",
        *source.addresses, follows=True, place=jobs.place(chosen), missed=jobs.missed or 0, cursor=journal.cursor, trouble=journal.trouble,
    )  # fmt: skip
