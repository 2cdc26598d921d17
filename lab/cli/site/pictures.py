"""The screen in pictures: which moments of shipped recordings, and below which heading of its page each stands."""

from msgspec import Struct

from lab.cli.screen.films import filmed_recording, picture
from lab.core.clock import Millis


class ScreenPicture(Struct, frozen=True):
    """The screen at an instant of a shipped recording, once these keys were pressed."""

    name: str
    below: str
    """The number of the heading in the page on the screen."""
    shows: str
    recording: str
    at: Millis
    keys: tuple[str, ...] = ()
    size: tuple[int, int] = (120, 36)

    def markdown(self) -> str:
        """The picture on a page."""
        return f'![{self.shows}](pictures/{self.name}.svg){{ title="{self.shows}" loading="lazy" }}'


_STORY = "item-comparison"
PICTURES = (
    ScreenPicture("gate", "4", "The lab at the moment when a person must decide", _STORY, 12_000),
    ScreenPicture("projector", "2", "80 columns: the current pane has the room", _STORY, 12_000, size=(80, 24)),
    ScreenPicture(
        "wire",
        "3",
        "The wire, on 160 columns: what failed on a bad line",
        "bad-line",
        55_000,
        ("escape", "w"),
        (160, 44),
    ),
    ScreenPicture("presenter", "3", "Presenter mode", _STORY, 12_000, ("p",)),
    ScreenPicture("end", "3", "At the end the output has the stage", _STORY, 16_726),
    ScreenPicture("act", "8", "Stage pace: the act of the question", _STORY, 12_000, ("P",)),
)
"""The first is that of the README too."""


def drawn(each: ScreenPicture) -> str:
    """The picture as SVG."""
    return picture(filmed_recording(each.recording), each.at, each.size, each.keys)


def with_pictures(page: str, text: str) -> str:
    """The page's Markdown, with the pictures at the ends of their sections if it is that on the screen."""
    if page != "screen":
        return text
    head, *sections = text.split("\n## ")
    for each in PICTURES:
        index = next(n for n, section in enumerate(sections) if section.startswith(f"{each.below}. "))
        sections[index] = f"{sections[index].rstrip()}\n\n{each.markdown()}\n"
    return "\n## ".join([head, *sections])
