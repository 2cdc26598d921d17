"""The options of the commands that show the screen."""

from argparse import SUPPRESS
from typing import Any

from lab.cli.grammar.option_kinds import flag, only_in_demo, option, theme
from lab.core.ranges import number

_STAGE = "stage pace: act after act, each held so long in real time (default: 3; 0: until space); P leaves it"
SCREEN = (
    flag("--plain", "lines instead of the screen"),
    option("--theme", "NAME", "of the screen: dark, light, or one of Textual's; default: as it was left", type=theme),
    option("--stage", "=SECONDS", _STAGE, type=number("--stage", 0, 60)),
)
FILM_HELP = "write what the screen shows as an asciicast, too; its times are the lab's, so --speed doesn't shorten it"
PHONE_HELP = "phones decide too: a QR code at each gate; by this machine alone unless HOST is given"
NO_PHONE = option("--phone", None, SUPPRESS, type=only_in_demo)
BROWSER: Any = {"type": number("--web", 1, 65_535)}
