"""The screen as an SVG that loads nothing: whoever looks at it has a monospace font of their own."""

import re
from typing import Any

from textual.app import App

_FONTS = re.compile(r"@font-face \{.*?\}", re.DOTALL)
"""What Textual would have fetched from another host."""


def picture_of(app: App[Any]) -> str:
    """What the screen shows now."""
    # Without `preserve` some renderers drop the blanks at both ends of a text, and borders drift.
    return _FONTS.sub("", app.export_screenshot()).replace("<text ", '<text xml:space="preserve" ')
