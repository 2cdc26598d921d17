"""Pages for a person in a browser: plain, and safe to show whatever a request said."""

from collections.abc import Iterable
from html import escape

from lab.core.exchange import Response
from lab.identity.refusals import NO_STORE


def page(status: int, title: str, markup: str) -> Response:
    """A page; the caller has escaped what stands in `markup`."""
    text = f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title></head>\n'
    text += f"<body><h1>{escape(title)}</h1>\n{markup}\n</body></html>\n"
    return Response(status, (("content-type", "text/html; charset=utf-8"), *NO_STORE), text.encode())


def text_page(status: int, title: str, text: str, more: str = "") -> Response:
    """A page with one paragraph, which is escaped here, and with `more` markup below it."""
    return page(status, title, f"<p>{escape(text)}</p>{more}")


def answer_buttons(words: Iterable[str]) -> str:
    """Buttons that send their word as `answer`."""
    return "".join(f'<button name="answer" value="{word}">{word.capitalize()}</button> ' for word in words)
