"""Exchanges that a hand holds, looks at, edits and lets go."""

from lab.plugin import ControlRoute, KeyDeclared, Plugin

_RUN, _ASKS = "lab.plugins.breakpoints.routes", "lab.plugins.breakpoints.commands"
_SET, _LOOK = '{"route":"status","once":true,"name":"look"}', "breakpoints/look"
_LIST, _STOP = "the breakpoints that are set", "holds the exchanges that fit from now on"
_END, _HOLDS = "takes one away; what it holds stays so", "the exchanges that are held, whole"
_GO = "lets one go, or `all`: as it is, edited, or not at all"
_KEY = "hold an exchange; look at what is held, edit it, let it go"
PLUGIN = Plugin(
    "breakpoints",
    "holds exchanges, to look at them, edit them, and let them go",
    page="control-plane",
    routes=(
        ControlRoute("GET", "breakpoints", f"{_RUN}:list_breakpoints", f"{_ASKS}:ListBreakpoints", _LIST),
        ControlRoute("POST", "breakpoints", f"{_RUN}:set_breakpoint", f"{_ASKS}:SetBreakpoint", _STOP, None, _SET),
        ControlRoute("DELETE", "breakpoints/{name}", f"{_RUN}:end_breakpoint", f"{_ASKS}:EndBreakpoint", _END, _LOOK),
        ControlRoute("GET", "holds", f"{_RUN}:list_holds", f"{_ASKS}:ListHolds", _HOLDS),
        ControlRoute("POST", "holds/{hold}", f"{_RUN}:release", f"{_ASKS}:Release", _GO, "holds/all", '{"do":"go"}'),
    ),
    keys=(KeyDeclared("hold", "b", "Hold", _KEY, "lab.plugins.breakpoints.menu:open_menu", bar_with="holds"),),
)
