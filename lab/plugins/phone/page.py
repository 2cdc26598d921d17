"""What a phone is shown of a gate: a page of large buttons, without a script, and nothing from anywhere else."""

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files

from markupsafe import Markup
from msgspec import Struct

from lab.core.clock import Millis
from lab.recording.show.page import part_of
from lab.tui.rows.blocks import minutes

LONGEST_COMMENT = 500
"""Characters of what goes with an answer."""
WITH_TEXT = "changes-requested"
"""The verdict that needs a text."""


class PhoneQuestion(Struct, frozen=True):
    """A gate as its page shows it; of texts only what the screen shows, too."""

    question: str
    answers: tuple[tuple[str, str], ...] = ()
    """The verdicts that can be given, each with the word on its button."""
    prompt: str = ""
    """What is asked for with `WITH_TEXT`."""
    left: Millis | None = None
    """For how long the gate waits; None: nobody knows."""
    count: str = ""
    """Of a gate that several must approve: how many have."""
    decided: str = ""
    """How it was decided, in words; empty as long as it is open."""


_TEMPLATE, _STYLE = (files("lab.plugins.phone").joinpath(name).read_text("utf-8") for name in ("page.html", "page.css"))
_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()
HEADERS = (
    ("content-type", "text/html; charset=utf-8"),
    ("cache-control", "no-store"),
    (
        "content-security-policy",
        f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("server", "lab"),
)
"""Nothing is loaded, kept, framed or run; the code in the address goes nowhere else."""


def question_page(gate: PhoneQuestion, remark: str = "") -> bytes:
    """The question with its buttons; once it is decided how. `remark`: why an answer wasn't taken, or why nothing is asked."""
    left = "" if gate.left is None else f"{minutes(gate.left)} left"
    page = part_of(
        _TEMPLATE,
        style=Markup(_STYLE),
        title=gate.question or "A decision is needed.",
        remark=remark,
        decided=gate.decided,
        notes=" · ".join(filter(None, (left, gate.count))),
        answers=() if gate.decided else gate.answers,
        with_text=WITH_TEXT,
        prompt=gate.prompt or "Say what should be different.",
        longest=LONGEST_COMMENT,
    )
    return page.encode()
