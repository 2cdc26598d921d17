"""The plugins that come with the lab, in the order in which help and lists name them; each folder can be deleted."""

PLUGIN_NAMES: tuple[str, ...] = (
    "a2a",
    "rehearsal",
    "simulate",
    "learn",
    "phone",
    "web",
    "mcp_tasks",
    "openai",
    "mcp_server",
    "callbacks",
    "breakpoints",
)
"""Of each the folder here, whose `plugin.py` declares it as `PLUGIN`."""
