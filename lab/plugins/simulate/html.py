"""The result as one page for browsers, of which nothing lies elsewhere."""

from importlib.resources import files

from lab.plugins.simulate import plots
from lab.plugins.simulate.document import duration_of
from lab.plugins.simulate.sections import ACCURACY, advice, headline, sections
from lab.plugins.simulate.totals import SimulationResult
from lab.recording.show.page import page_of

PAGE_MARK = '<meta name="generator" content="lab simulate">'
"""What tells a page from another file."""


def simulation_page(result: SimulationResult) -> str:
    """The page."""
    from markupsafe import Markup

    workload = result.simulation.workload
    drawn = {
        "ended": plots.durations(duration_of(result)),
        "server": plots.over_time(result.series),
        "polls": plots.schedules(result.schedules, workload.delay),
    }
    whose = f" (of seed {result.simulation.seed})" if workload.seeds > 1 else ""
    keys = {
        "server": (("wait", f"waiting for a person{whose}"), ("work", "at work")),
        "polls": (("work", "given"), ("dim", "others that were tried"), ("best", "best")),
    }
    return page_of(
        files("lab.plugins.simulate").joinpath("page.html").read_text("utf-8"),
        scenario=result.simulation.invocation.scenario,
        headline=headline(result),
        advice=tuple(advice(result)),
        sections=tuple(sections(result)),
        plots={name: Markup(plot) for name, plot in drawn.items()},
        keys=keys,
        accuracy=ACCURACY,
    )
