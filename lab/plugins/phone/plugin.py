"""Phones decide at the gates of `lab demo`."""

from lab.plugin import Addition, Option, Plugin

PLUGIN = Plugin(
    "phone",
    "lets phones decide at the gates of lab demo",
    page="screen",
    additions=(
        Addition(
            "demo",
            (
                Option(
                    "--phone",
                    "=HOST:PORT",
                    "phones decide too: a QR code at each gate; by this machine alone unless HOST is given",
                    alone="127.0.0.1",
                    excludes=("--web",),  # each visitor's process would listen there
                ),
            ),
            panel="lab.plugins.phone.panel:phone_panel",
        ),
    ),
    extra="phone",
)
