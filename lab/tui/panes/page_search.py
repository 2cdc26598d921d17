"""The search on a page: `/` and what is typed then; after enter `n` and `N` go from hit to hit, until esc."""

from lab.tui.panes.page import MOST_TYPED
from lab.tui.rows.search import find, mark
from lab.tui.rows.spans import Row

SEARCH_FOOT = "n N on, back · esc ends it"


class PageSearch:
    """What is looked for on a page, and which hit shows."""

    def __init__(self, query: str = "") -> None:
        self.query = query
        self.typing = False
        self._chosen = 0
        self._hits = 0
        self._step: int | None = 0 if query else None
        """How many hits further the next drawing shows; 0: the first one from where one is; None: what shows."""

    @property
    def title(self) -> str:
        """What stands behind the page's own."""
        if self.typing:
            return f" › {self.query}▏"
        return f" › {self.query} · {self._chosen} of {self._hits}" if self.query else ""

    def press(self, key: str, character: str | None) -> bool:
        """Whether the key is the search's own."""
        if self.typing:
            return self._type(key, character)
        if character == "/":
            self.typing, self.query = True, ""
        elif self.query and key == "escape":
            self.query = ""
        elif self.query and character in ("n", "N"):
            self._step = 1 if character == "n" else -1
        else:
            return False
        return True

    def _type(self, key: str, character: str | None) -> bool:
        if key in ("enter", "escape"):
            self.typing, self._step = False, 0
            self.query = self.query if key == "enter" else ""
        elif key == "backspace":
            self.query = self.query[:-1]
        elif character is not None and character.isprintable():
            self.query = (self.query + character)[:MOST_TYPED]
        else:
            return False
        return True

    def shown(self, body: list[Row], top: int, room: int) -> tuple[list[Row], int]:
        """The page with what was found, and how many of its rows are scrolled away then."""
        hits = find(body, self.query) if self.query else []
        self._hits = len(hits)
        self._chosen = min(self._chosen, len(hits)) if self._step != 0 else 0
        if self._step is not None and hits:
            first = next((at for at, hit in enumerate(hits) if hit[0][0] >= top), 0)
            self._chosen = (self._chosen - 1 + self._step) % len(hits) + 1 if self._step else first + 1
            row = hits[self._chosen - 1][0][0]
            top = top if top <= row < top + room else max(0, row - room // 3)
        self._step = None
        return mark(body, hits, self._chosen), top
