"""`lab docs`: the reference that came with the package, a page at a time."""

import re
import subprocess
from importlib.resources import files
from io import StringIO
from typing import TYPE_CHECKING, ClassVar

from lab.cli.command_settings import DocsSettings
from lab.cli.console import Console
from lab.core.errors import UsageError
from lab.program.words import nearest

if TYPE_CHECKING:
    from rich.console import JustifyMethod

_FOLDER = files("lab") / "docs"
_HEADING = re.compile(r"^(#{2,4} ([0-9]+(?:\.[0-9]+)*)\.? .*)$", re.MULTILINE)
_WIDEST = 100
"""Columns of a page on a terminal."""
_PAGER = 'LESS="${LESS-FRX}" ${PAGER:-less}'
"""For the shell, which knows the user's pager and starts it with its arguments; as git does, less gets usable flags."""
_NO_SUCH_PROGRAM = 127


def execute(settings: DocsSettings, console: Console) -> int:
    """List the pages, or print one: as Markdown into a pipe, laid out and paged on a terminal."""
    if settings.page is None:
        for name in page_names():
            console.out(f"{name:<14} {_summary(page_text(name))}")
        console.err("read one: lab docs PAGE")
        return 0
    text = page_text(settings.page) if settings.section is None else section_text(settings.page, settings.section)
    environment = settings.environment
    if not console.terminal or environment.dumb or not _paged(text, color=environment.color):
        console.out(text.rstrip("\n"))
    return 0


def page_names() -> tuple[str, ...]:
    """The names of the pages, as `lab docs` takes them."""
    return tuple(sorted(each.name.removesuffix(".md") for each in _FOLDER.iterdir() if each.name.endswith(".md")))


def page_text(name: str) -> str:
    """A page as Markdown; UsageError, with the nearest name, if there is none of that name."""
    known = page_names()
    if name.removesuffix(".md") not in known:
        hint = nearest(name, known) or _mentions(name) or f"Pages: {', '.join(known)}."
        raise UsageError(f"There is no page {name}.", hint=hint)
    return (_FOLDER / f"{name.removesuffix('.md')}.md").read_text("utf-8")


def section_text(name: str, number: str) -> str:
    """A section of a page with those in it; UsageError, with its headings, if it has none of that number."""
    text, number = page_text(name), number.strip("§.")
    headings = [*_HEADING.finditer(text)]
    first = next((each.start() for each in headings if each[2] == number), None)
    if first is None:
        raise UsageError(f"The page {name} has no section {number}.", hint="\n  ".join(headings_of(text)))
    after = (each.start() for each in headings if each.start() > first and not each[2].startswith(f"{number}."))
    return text[first : next(after, len(text))]


def headings_of(text: str) -> list[str]:
    """The headings of a page's sections."""
    return [heading.lstrip("# ") for heading, _ in _HEADING.findall(text)]


def _mentions(word: str) -> str:
    """Where the pages speak of it: of each the section that is called so, else the first that does; empty where none does."""
    found: list[str] = []
    for page in page_names():
        text = page_text(page).lower()
        before, mention, _ = text.partition(word.lower())
        if mention:
            called = [number for heading, number in _HEADING.findall(text) if word.lower() in heading]
            sections = called[:1] or [number for _, number in _HEADING.findall(before)][-1:]
            found.append(f"{page}, §{sections[0]}" if sections else page)
    return f"The word stands in: {'; '.join(found)}." if found else ""


def _summary(text: str) -> str:
    """The first sentence below the title: what the page is for."""
    _, _, body = text.partition("\n\n")
    return re.split(r"(?<=[.:])\s", " ".join(body.split("\n\n")[0].split()))[0].rstrip(".:")


def _paged(text: str, *, color: bool) -> bool:
    """Show the text in the user's pager; False if there is no pager."""
    done = subprocess.run(
        _PAGER, shell=True, input=laid_out(text, color=color), encoding="utf-8", errors="replace", check=False
    )
    return done.returncode != _NO_SUCH_PROGRAM


def laid_out(text: str, *, color: bool) -> str:
    """The Markdown as a terminal shows it, tables folded to its width."""
    from rich.console import Console as Terminal  # only a terminal needs it
    from rich.markdown import Markdown, TableDataElement
    from rich.theme import Theme

    class Cell(TableDataElement):
        """A cell whose long words are folded; rich's own loses their ends."""

        def __init__(self, justify: "JustifyMethod") -> None:
            super().__init__(justify)
            self.content.overflow = "fold"

    class Page(Markdown):
        """Markdown with such cells."""

        elements: ClassVar = {**Markdown.elements, "td_open": Cell, "th_open": Cell}

    theme = Theme({"markdown.code": "bold cyan"})  # rich's own paints a black ground on a light terminal
    terminal = Terminal(file=StringIO(), force_terminal=True, no_color=not color, theme=theme)
    terminal.width = min(_WIDEST, terminal.width)
    with terminal.capture() as captured:
        terminal.print(Page(text, code_theme="ansi_dark", hyperlinks=False))
    return captured.get()
