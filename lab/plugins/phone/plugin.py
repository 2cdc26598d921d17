"""Phones decide at the gates of `lab demo`."""

from lab.plugin import Addition, Plugin

PLUGIN = Plugin(
    "phone",
    "lets phones decide at the gates of lab demo",
    page="screen",
    additions=(
        Addition("demo", "lab.plugins.phone.options:PhoneSettings", panel="lab.plugins.phone.panel:phone_panel"),
    ),
    extra="phone",
)
