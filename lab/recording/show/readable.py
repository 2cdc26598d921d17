"""What a person reads of a recording in Markdown and on a page: bodies on lines, and no sign in them that doesn't show."""

import json

from lab.core.exchange import Json
from lab.core.logtext import harmless_text
from lab.dialects import wires
from lab.recording.format.lines import Body, Enc, Header, Pairs

_LONGEST_SHOWN = 65_536
"""Characters of a body on a page."""


def readable(text: str) -> str:
    """The text with its line feeds; what doesn't show, or commands a log of CI, is written as JSON has it."""
    return harmless_text(text, lines=True)


def readable_body(body: Body, fields: Pairs | None = None, *, short: bool = False) -> str:
    """The body on lines: JSON indented, `fields` of a form one on each; a long one is cut, which is said.

    `short`: of a job's body only the members that say something new.
    """
    value: Json = body.value
    if fields is not None:
        text = "\n".join(f"{name} = {said}" for name, said in fields)
    elif body.enc is Enc.JSON:
        if short and isinstance(value, dict):
            for wire in wires():
                value = dict(wire.marks.worth_showing(value))
        text = json.dumps(value, indent=2, ensure_ascii=False)
    else:
        text = value if isinstance(value, str) else ""
    return readable(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}\n… ({len(text)} characters)")


def title_of(header: Header) -> str:
    """What was recorded, in a few words."""
    return readable(" ".join(one.name for one in header.scenarios or ()) or header.source).replace("\n", " ")


def made_with(header: Header) -> str:
    """Seed, clock and version, in one line."""
    pace = f" ×{header.clock.factor}" if header.clock.factor else ""
    seed = f"seed {header.seed}, " if header.seed is not None else ""
    text = (
        f"{seed}{header.clock.mode} clock{pace} from {header.clock.epoch}, profile {header.profile}, lab {header.lab}"
    )
    return readable(text).replace("\n", " ")
