"""Completion callbacks of jobs: sent, signed, faulty on purpose, recorded."""

from lab.plugin import Addition, Following, Plugin

_HERE = "lab.plugins.callbacks"
PLUGIN = Plugin(
    "callbacks",
    "tells a receiver of jobs: signed, scripted, faulty on purpose",
    page="callbacks",
    additions=(
        *(
            Addition(
                command, f"{_HERE}.options:{asks}", config=f"{_HERE}.options:allowing", beside=f"{_HERE}.beside:{does}"
            )
            for command, asks, does in (
                ("serve", "ServedNotifySettings", "sending"),
                ("run", "RunNotifySettings", "sending"),
                ("demo", "DemoNotifySettings", "demonstrating"),
            )
        ),
        Addition("rehearse", f"{_HERE}.options:RehearsedNotifySettings", beside=f"{_HERE}.beside:sending_to_client"),
    ),
    follows=(Following(b"h", f"{_HERE}.schedule:tries_of", acts=f"{_HERE}.sender:CallbackActor"),),
)
