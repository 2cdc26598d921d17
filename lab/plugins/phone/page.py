"""What a phone is shown of a gate: a page of large buttons, without a script, and nothing from anywhere else."""

from base64 import b64encode
from hashlib import sha256
from html import escape

from msgspec import Struct

from lab.core.clock import Millis
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


_STYLE = """
:root { color-scheme: light dark; --ink: #0b0f17; --paper: #fff; --dim: #4b5566; --yes: #0a6b2e; --no: #b00020; --ask: #8a4b00 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #f2f5fa; --paper: #0b0f17; --dim: #a3aec0; --yes: #4ade80; --no: #ff6b6b; --ask: #ffc247 }
}
* { box-sizing: border-box }
body { margin: 0 auto; padding: 24px 20px 40px; max-width: 34rem; background: var(--paper); color: var(--ink);
  font: 20px/1.4 system-ui, sans-serif }
h1 { font-size: 28px; line-height: 1.25; margin: 8px 0 16px; overflow-wrap: anywhere; white-space: pre-line }
p { margin: 0 0 20px; color: var(--dim) }
p.decided { font-size: 28px; font-weight: 700; color: var(--ink) }
form { margin: 0 0 14px }
button, textarea { width: 100%; font: inherit; border-radius: 14px }
button { min-height: 84px; border: 3px solid var(--ink); background: var(--ink); color: var(--paper); font-size: 26px;
  font-weight: 700; overflow-wrap: anywhere }
button:focus-visible, textarea:focus-visible { outline: 4px solid var(--dim); outline-offset: 3px }
button.approved { background: var(--yes); border-color: var(--yes) }
button.rejected { background: var(--no); border-color: var(--no) }
button.changes-requested { background: transparent; border-color: var(--ask); color: var(--ask) }
label { display: block; margin: 22px 0 8px; color: var(--dim) }
textarea { min-height: 96px; padding: 12px; margin: 0 0 12px; border: 2px solid var(--dim); background: transparent;
  color: inherit }
"""
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


def notice(title: str, text: str = "") -> bytes:
    """A page that says something, and asks nothing."""
    return _page(title, f"<h1>{escape(title)}</h1>" + (f"<p>{escape(text)}</p>" if text else ""))


def question_page(gate: PhoneQuestion, remark: str = "") -> bytes:
    """The question with its buttons; once it is decided how. `remark`: why an answer wasn't taken."""
    said = f"<p>{escape(remark)}</p>" if remark else ""
    head = f"<h1>{escape(gate.question or 'A decision is needed.')}</h1>{said}"
    if gate.decided:
        return _page("Decided", f'{head}<p class="decided">{escape(gate.decided)}</p>')
    left = "" if gate.left is None else f"{minutes(gate.left)} left"
    notes = [note for note in (left, gate.count) if note]
    below = f"<p>{escape(' · '.join(notes))}</p>" if notes else ""
    forms = (_form(verdict, word, gate.prompt) for verdict, word in gate.answers)
    return _page("Your decision", f"{head}{below}{''.join(forms)}")


def _form(verdict: str, word: str, prompt: str) -> str:
    """A button; with a text above it where one is needed."""
    text = ""
    if verdict == WITH_TEXT:
        label = escape(prompt or "Say what should be different.")
        text = f'<label for="comment">{label}</label><textarea id="comment" name="comment" maxlength="{LONGEST_COMMENT}" required></textarea>'
    button = f'<button class="{escape(verdict)}" name="verdict" value="{escape(verdict)}">{escape(word)}</button>'
    return f'<form method="post">{text}{button}</form>'


def _page(title: str, markup: str) -> bytes:
    """The whole page; the caller has escaped what stands in `markup`."""
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)}</title>'
    return f'<!doctype html>\n<html lang="en"><head>{head}<style>{_STYLE}</style></head>\n<body>{markup}</body></html>\n'.encode()
