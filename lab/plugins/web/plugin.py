"""The screen in a browser of this machine."""

from lab.core.ranges import number
from lab.plugin import Addition, Option, Plugin

PLUGIN = Plugin(
    "web",
    "shows the screen in a browser",
    page="screen",
    additions=(
        Addition(
            "demo",
            (
                Option(
                    "--web",
                    "PORT",
                    "in a browser of this machine; default: 8000",
                    number("--web", 1, 65_535),
                    alone="8000",
                ),
            ),
            run="lab.plugins.web.command:execute",
        ),
    ),
    extra="web",
)
