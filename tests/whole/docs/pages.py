"""The pages of the reference, taken apart for tests."""

import re
from collections.abc import Iterator
from importlib.resources import files

FOLDER = files("lab") / "docs"
PAGES = {
    each.name.removesuffix(".md"): each.read_text("utf-8") for each in FOLDER.iterdir() if each.name.endswith(".md")
}
"""The text of each page by its name."""


def blocks(text: str, language: str) -> Iterator[str]:
    """The fenced blocks of one language, as they stand between the fences."""
    yield from re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def sections(text: str) -> set[str]:
    """The numbers of a page's headings: `## 2. Endpoints` and `### 2.1 The API` give `2` and `2.1`."""
    return {found.rstrip(".") for found in re.findall(r"^#{2,4} ([0-9]+(?:\.[0-9]+)*)\.? ", text, re.MULTILINE)}


def codes(text: str) -> set[str]:
    """What stands between backticks outside fenced blocks, whole and split at blanks."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    whole = re.findall(r"`([^`]+)`", prose)
    return set(whole) | {part for each in whole for part in each.split()}
