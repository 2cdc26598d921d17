"""A page for every scenario that the lab carries, made of the scenario itself, and the list of them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from lab.cli.check.plan_table import plan_table
from lab.cli.site.steps_diagram import diagram, step_row
from lab.files.scenarios import REHEARSAL, SCENARIOS, load_scenarios
from lab.files.shipped import shipped_folder
from lab.jobs.compiled import CompiledScenario
from lab.language.document import UserMessage

GALLERY = "gallery"
"""The folder of the pages; `scenarios` is the page on the language."""
_KINDS = {
    "": "Each shows one thing. `lab demo NAME` plays one live, `lab play NAME` its recording.",
    REHEARSAL: "Made for `lab rehearse`: each meets your client with one thing that a server may do.",
}
"""By the folder below that of the scenarios, what is said above its part of the list."""


def shipped_scenarios() -> dict[str, tuple[CompiledScenario, ...]]:
    """All that the lab carries, by the folder below that of the scenarios, the usual ones being in none."""
    return {kind: load_scenarios(shipped_folder(SCENARIOS) / kind) for kind in _KINDS}


def scenario_page(kind: str, name: str) -> str:
    """The page of a scenario, below the gallery's folder."""
    return f"{kind}/{name}.md" if kind else f"{name}.md"


def gallery_pages(found: Mapping[str, Sequence[CompiledScenario]], films: Mapping[str, float]) -> dict[str, str]:
    """Markdown by file name: the list, and a page for each; `films`: of which there is one, and how many seconds it lasts."""
    pages = {"index.md": "\n\n".join(_list(found)) + "\n"}
    for kind, scenarios in found.items():
        for each in scenarios:
            seconds = None if kind else films.get(each.name)
            pages[scenario_page(kind, each.name)] = "\n\n".join(_page(kind, each, seconds)) + "\n"
    return pages


def _list(found: Mapping[str, Sequence[CompiledScenario]]) -> Iterator[str]:
    yield "# Scenarios that ship"
    for kind, scenarios in found.items():
        if kind:
            yield "## For rehearsals"
        yield _KINDS[kind]
        rows = [
            f"| [{each.name}]({scenario_page(kind, each.name)}) | {each.scenario.shows or each.scenario.title} | {step_row(each)} |"
            for each in scenarios
        ]
        yield "\n".join(["| scenario | shows | steps of the first message |", "|---|---|---|", *rows])


def _page(kind: str, compiled: CompiledScenario, seconds: float | None) -> Iterator[str]:
    scenario, name = compiled.scenario, compiled.name
    yield f"# {scenario.title}"
    yield f"`{name}`" + (f": {scenario.shows}." if scenario.shows else "")
    if scenario.story:
        yield scenario.story.rstrip()
    if seconds is not None:
        yield player(f"../films/{name}.cast", seconds)
    yield "## Run it"
    yield _block("sh", _commands(kind, name))
    yield "## Messages and steps"
    for ask, answering in zip(scenario.user_messages, compiled.sent, strict=False):
        yield _sent(ask)
        yield f'<div class="steps">{diagram(answering)}</div>'
    yield "## What happens when"
    yield f"As `lab check {name} --plan` prints it."
    yield _block("text", "\n".join(plan_table(compiled, None, scenario.settings)))
    yield "## The scenario"
    yield _block("yaml", compiled.source.rstrip())


def player(cast: str, seconds: float) -> str:
    """Where a film is played; before that its last frame shows."""
    return f'<div class="film" data-cast="{escape(cast)}" data-seconds="{seconds}"></div>'


def _commands(kind: str, name: str) -> str:
    if kind:
        return f"lab rehearse {name} -- ./client\nlab run {name} --speed instant"
    return f"lab demo {name}\nlab play {name}\nlab run {name} --speed instant\nlab serve {name} --port 8080"


def _sent(ask: UserMessage) -> str:
    """What the app says, and the parameters that it sends with it."""
    with_them = f"\n\n{json.dumps(ask.parameters, indent=2, ensure_ascii=False)}" if ask.parameters else ""
    return _block("text", f"{ask.message}{with_them}")


def _block(language: str, text: str) -> str:
    """A fence that nothing in the text can close."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text}\n{fence}"
