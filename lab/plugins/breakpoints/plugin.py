"""Exchanges that a hand holds, looks at, edits and lets go."""

from lab.plugin import ControlRoute, KeyDeclared, Plugin

_HERE = "lab.plugins.breakpoints.holding"
_SET, _LOOK = '{"route":"status","once":true,"name":"look"}', "breakpoints/look"
_LIST, _STOP = "the breakpoints that are set, and the exchanges that are held, whole", "holds what fits from now on"
_END, _GO = "takes one away; what it holds stays so", "lets one go, or `all`: as it is, edited, or not at all"
_KEY = "hold an exchange; look at what is held, edit it, let it go"
PLUGIN = Plugin(
    "breakpoints",
    "holds exchanges, to look at them, edit them, and let them go",
    page="control-plane",
    routes=(
        ControlRoute("GET", "breakpoints", f"{_HERE}:list_breakpoints", f"{_HERE}:ListBreakpoints", _LIST),
        ControlRoute("POST", "breakpoints", f"{_HERE}:set_breakpoint", f"{_HERE}:SetBreakpoint", _STOP, None, _SET),
        ControlRoute("DELETE", "breakpoints/{name}", f"{_HERE}:end_breakpoint", f"{_HERE}:EndBreakpoint", _END, _LOOK),
        ControlRoute("POST", "holds/{hold}", f"{_HERE}:release", f"{_HERE}:Release", _GO, "holds/all", '{"do":"go"}'),
    ),
    keys=(KeyDeclared("hold", "b", "Hold", _KEY, "lab.plugins.breakpoints.menu:open_menu", bar_with="holds"),),
)
