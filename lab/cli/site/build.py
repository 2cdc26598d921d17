"""`lab docs --site DIR`: MkDocs makes the site of pages, pictures and films, which the lab makes anew each time."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from lab.cli.console import Console
from lab.cli.screen.films import cast_lines, filmed_recording
from lab.cli.site.gallery import GALLERY, gallery_pages, scenario_page, shipped_scenarios
from lab.cli.site.pictures import PICTURES, drawn, with_pictures
from lab.cli.site.reference import linked, page_names, page_text
from lab.core.errors import HostError, UsageError
from lab.files.artifacts import move_all, workshop, write_texts
from lab.files.shipped import shipped_readme
from lab.jobs.compiled import CompiledScenario

_NEEDED = {"material": "mkdocs-material", "mkdocs_asciinema_player": "mkdocs-asciinema-player"}
"""What the extra `[docs]` brings: each module's package."""
_ASSETS = ("site.css", "films.js")
_SIZE = 120, 36
"""Of a film, as `films.js` has it."""
_LONGEST_FILM = 10 * 60_000
"""Milliseconds: of what lasts longer no film is made, which nobody would watch to its end."""
_README_LINK = re.compile(r"\[([^\]]+)\]\((?!https:|#)[^)]*\)")
_README_PICTURE = re.compile(r"!\[([^\]]*)\]\([^)]*\)")
_ROW = re.compile(r"^\| ([a-z0-9-]+) \|", re.MULTILINE)


def build_site(folder: str, console: Console, *, force: bool) -> None:
    """Write the site; UsageError without the extra, or if the folder holds something and not `force`."""
    if missing := [package for module, package in _NEEDED.items() if find_spec(module) is None]:
        what = " and ".join(missing)
        raise UsageError(f"Not installed: {what}, which --site needs.", hint="pip install 'invoke-async-lab[docs]'")
    with workshop(folder, force=force) as work:
        console.err("Films and pictures are made first, which takes a while.")
        texts, navigation = site_sources()
        settings = (files("lab.cli.site") / "site.yaml").read_text("utf-8")
        texts["mkdocs.yml"] = f"{settings}nav: {json.dumps(navigation)}\n"
        write_texts(str(work), texts, force=False)
        _run_mkdocs(work)
        move_all(work / "site", Path(folder))
    pages = sum(name.endswith(".md") for name in texts)
    console.out(
        f"{pages} pages in {folder}. To read them: python3 -m http.server --bind 127.0.0.1 --directory {folder}"
    )


def site_sources() -> tuple[dict[str, str], list[object]]:
    """Text by path of all that MkDocs reads, and the order of its pages."""
    scenarios = shipped_scenarios()
    films = {each.name: film for each in scenarios[""] if (film := _film(each.name))}
    lengths = {name: json.loads(film[-1])[0] for name, film in films.items()}
    pages = {f"{GALLERY}/{name}": text for name, text in gallery_pages(scenarios, lengths).items()}
    pages |= {f"{name}.md": with_pictures(name, linked(page_text(name), name)) for name in page_names()}
    pages["index.md"] = _home({each.name for each in scenarios[""]})
    pages |= {f"films/{name}.cast": b"".join(film).decode() for name, film in films.items()}
    pages |= {f"pictures/{each.name}.svg": drawn(each) for each in PICTURES}
    pages |= {name: (files("lab.cli.site") / name).read_text("utf-8") for name in _ASSETS}
    return {f"pages/{name}": text for name, text in pages.items()}, _navigation(scenarios)


def _navigation(scenarios: Mapping[str, tuple[CompiledScenario, ...]]) -> list[object]:
    gallery: list[object] = [f"{GALLERY}/index.md"]
    gallery += [f"{GALLERY}/{scenario_page('', each.name)}" for each in scenarios[""]]
    gallery += [
        {kind.capitalize(): [f"{GALLERY}/{scenario_page(kind, each.name)}" for each in of_kind]}
        for kind, of_kind in scenarios.items()
        if kind
    ]
    return [
        {"Home": "index.md"},
        {"Scenarios that ship": gallery},
        {"Reference": [f"{name}.md" for name in page_names()]},
    ]


def _film(name: str) -> list[bytes]:
    """The shipped recording of a scenario as a cast; none if it lasts too long."""
    source = filmed_recording(name)
    timeline = source.timeline
    return cast_lines(source, _SIZE) if timeline.until - timeline.start <= _LONGEST_FILM else []


def _home(scenarios: set[str]) -> str:
    """The README: its picture is drawn anew, scenarios lead to their pages, and nothing to files that aren't there."""
    text = shipped_readme().replace("```mermaid\nstateDiagram-v2\n", "```text\n")
    text = _README_PICTURE.sub(lambda found: PICTURES[0].markdown(), text)
    text = _README_LINK.sub(lambda found: found[0] if found[0].endswith(".svg)") else found[1], text)
    text = _ROW.sub(lambda row: f"| [{row[1]}]({GALLERY}/{row[1]}.md) |" if row[1] in scenarios else row[0], text)
    return linked(text)


def _run_mkdocs(folder: Path) -> None:
    """Make `site` there; HostError with what MkDocs said if it can't."""
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet"], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith(("WARNING", "ERROR", "Aborted", "Error"))]
        raise HostError(f"MkDocs can't make the site: {' '.join(said[-3:]) or done.stderr[-500:]}")
