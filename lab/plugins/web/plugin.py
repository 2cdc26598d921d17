"""The screen in a browser of this machine."""

from lab.plugin import Addition, Plugin

PLUGIN = Plugin(
    "web",
    "shows the screen in a browser",
    page="screen",
    additions=(Addition("demo", "lab.plugins.web.options:WebSettings", run="lab.plugins.web.command:execute"),),
    extra="web",
)
