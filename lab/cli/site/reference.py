"""The pages of the reference, as they lie in the package, and as Markdown whose citations are links.

A page cites another one as `lab docs PAGE`, §N, itself as §N. Read in a terminal that is what to type; on the site it is a
link to the heading with that number, whose anchor is `sN`, a point of the number written as `-`.
"""

import re
from importlib.resources import files
from re import Match

from lab.core.errors import UsageError
from lab.language.document import nearest

_FOLDER = files("lab") / "docs"
_SECTIONS = r"(?:[,;]?\s(?:and\s|to\s)?§[0-9]+(?:\.[0-9]+)*)*"
_CITATION = re.compile(
    rf"(`lab\sdocs\s(?P<shell>[a-z-]+)`|(?:`|\b)(?P<file>[a-z-]+)\.md`?)(?P<sections>{_SECTIONS})"
    r"|(?P<other>`[^`]+`|\bRFC\s[0-9]+\s§[0-9.]+)|(?P<own>§[0-9]+(?:\.[0-9]+)*)(?P<contract>\sof\sthe\scontract)?"
)
_SECTION = re.compile(r"§([0-9]+(?:\.[0-9]+)*)")
_HEADING = re.compile(r"^(#{2,4} ([0-9]+(?:\.[0-9]+)*)\.? .*)$", re.MULTILINE)
_FENCE = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)
_PAGE_COLUMN = re.compile(r"(?<=\| )([a-z-]+(?:, [a-z-]+)*)(?= \|$)", re.MULTILINE)


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


def linked(text: str, page: str = "") -> str:
    """Markdown of the page of that name, or of none, as the site has it: citations are links, headings have anchors.

    Bars in the code of a table's cell lose their backslash, which Python-Markdown would show.
    """
    parts = _FENCE.split(text)
    parts[::2] = [_linked(part, page) for part in parts[::2]]
    return "".join(parts)


def _linked(text: str, page: str) -> str:
    text = _PAGE_COLUMN.sub(_page_links, _CITATION.sub(lambda found: _cited(found, page), text))
    text = _HEADING.sub(lambda found: f"{found[1]} {{#{_anchor(found[2])}}}", text)
    return re.sub(r"`[^`\n]+`", lambda code: code[0].replace(r"\|", "|"), text)


def _anchor(number: str) -> str:
    return f"s{number.replace('.', '-')}"


def _cited(found: Match[str], page: str) -> str:
    if own := found["own"]:
        target = "contract.md" if found["contract"] else ""
        known = found["contract"] or re.search(rf"^#+ {re.escape(own[1:])}\.? ", _text_of(page), re.MULTILINE)
        return f"[{own}]({target}#{_anchor(own[1:])}){found['contract'] or ''}" if known else own
    cited = found["shell"] or found["file"]
    if found["other"] or cited not in page_names():
        return found[0]
    sections = _SECTION.sub(lambda each: f"[{each[0]}]({cited}.md#{_anchor(each[1])})", found["sections"])
    return f"[{found[1]}]({cited}.md){sections}"


def _text_of(page: str) -> str:
    return page_text(page) if page else ""


def _page_links(found: Match[str]) -> str:
    """A cell that holds nothing but names of pages."""
    names = found[1].split(", ")
    return ", ".join(f"[{name}]({name}.md)" for name in names) if set(names) <= set(page_names()) else found[1]
