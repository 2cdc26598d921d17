"""The site that MkDocs makes of the reference is whole: every link leads somewhere, and nothing is loaded from elsewhere."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from markdown_it import MarkdownIt

from lab.cli.console import Console
from lab.cli.main import run_command
from lab.cli.site.gallery import shipped_scenarios
from lab.cli.site.reference import page_names, page_text
from tests.conftest import ROOT

LOADED = ("src", "srcset", "poster", "data-cast", "data")
"""Attributes whose address a page loads by itself; of a `link` `href` too."""


class SitePage(HTMLParser):
    """The addresses and the anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            elif value and (name in LOADED or (name == "href" and tag in ("link", "use", "image"))):
                self.loaded.append(value)
            elif value and name == "href":
                self.links.append(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, out, err = tmp_path_factory.mktemp("site") / "new", StringIO(), StringIO()
    assert run_command(["docs", "--site", str(folder)], Console(out, err)) == 0, err.getvalue()
    assert out.getvalue().startswith(f"{len(list((ROOT / 'lab' / 'docs').glob('*.md'))) + 2 + shipped()} pages in ")
    return folder


def shipped() -> int:
    """How many scenarios have a page of their own."""
    return sum(map(len, shipped_scenarios().values()))


def pages(site: Path) -> dict[Path, SitePage]:
    found = {path: SitePage(path.read_text("utf-8")) for path in site.rglob("*.html")}
    assert len(found) > 50
    return found


def broken(site: Path, found: dict[Path, SitePage]) -> Iterator[tuple[str, str]]:
    """The page and the address of what leads to no file, or to no anchor."""
    for path, page in found.items():
        for address in (*page.links, *page.loaded):
            plain, anchor = urldefrag(address)
            if urlsplit(plain).scheme or plain.startswith("//"):
                continue
            base = site if plain.startswith("/") else path.parent
            target = (base / unquote(plain).lstrip("/")).resolve() if plain else path
            target = target / "index.html" if target.is_dir() else target
            known = found[target].anchors if target in found else set()
            if not target.is_file() or (anchor and target in found and unquote(anchor) not in known):
                yield path.name, address


def test_no_link_is_broken(site: Path) -> None:
    found = pages(site)
    assert sum(len(page.links) for page in found.values()) > 1000
    assert list(broken(site, found)) == []
    found[site / "index.html"].links += ["no-such-page.html", "screen.html#no-such-anchor", "gallery"]
    assert [address for _, address in broken(site, found)] == ["no-such-page.html", "screen.html#no-such-anchor"]


def foreign(text: str) -> list[str]:
    """What a style sheet or a picture loads from elsewhere."""
    return re.findall(r"""(?:url\(|@import|(?:xlink:)?href=|src=)\s*["']?((?:https?:)?//[^"')\s]+)""", text)


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for path, page in pages(site).items():
        assert [address for address in page.loaded if urlsplit(address).netloc] == [], path
        text = path.read_text("utf-8")
        assert foreign("".join(re.findall(r"<style.*?</style>", text, re.DOTALL))) == [], path
        assert 'class="mermaid"' not in text, path  # the theme fetches a program for these
    drawn = [*site.rglob("*.css"), *site.rglob("*.svg")]
    assert {path.suffix for path in drawn} == {".css", ".svg"}
    assert {path.name: found for path in drawn if (found := foreign(path.read_text("utf-8")))} == {}
    assert foreign("a{b:url(https://example.com/x.woff2)}") and foreign('@import "//example.com/x.css"')


@pytest.mark.parametrize("name", page_names())
def test_a_page_is_read_as_a_terminal_reads_it(site: Path, name: str) -> None:
    text = (site / f"{name}.html").read_text("utf-8")
    article = text[text.index("<article") : text.index("</article>")]
    shown = MarkdownIt("commonmark").enable("table").render(page_text(name))
    parts = ("<table", "<tr", "<td", "<li", "<pre", "<h2", "<h3", "<em", "<strong", "<blockquote")
    assert {part: article.count(part) for part in parts} == {part: shown.count(part) for part in parts}


def test_films_lie_where_their_pages_look_for_them(site: Path) -> None:
    films = [path for path, page in pages(site).items() if any(each.endswith(".cast") for each in page.loaded)]
    assert len(films) == len(list((site / "films").glob("*.cast"))) == 14  # all but one that lasts three days
    for cast in (site / "films").glob("*.cast"):
        head, *events = map(json.loads, cast.read_text("utf-8").splitlines())
        assert (head["version"], head["width"], head["height"]) == (2, 120, 36)
        assert len(events) > 1, cast
    assert list(site.rglob("asciinema-player.min.js"))


def test_what_was_searched_for_is_found_offline(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text("utf-8"))
    places = {each["location"] for each in index["docs"]}
    assert {"contract.html#s10", "screen.html#s13", "gallery/item-comparison.html"} <= places
