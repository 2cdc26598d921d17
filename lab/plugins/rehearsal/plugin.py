"""Clients judged: runs of somebody's client against scenarios and drills, the rules, their report."""

from lab.plugin import Addition, CliCommand, ControlRoute, ExportForm, Plugin

_HERE = "lab.plugins.rehearsal"
PLUGIN = Plugin(
    "rehearsal",
    "runs your client against scenarios or drills, and says what it did well and badly",
    page="clients",
    commands=(
        CliCommand(
            "your client",
            "rehearse",
            "run your client against scenarios or drills, and judge it",
            "lab rehearse quick -- python client.py",
            f"{_HERE}.commands.rehearse:execute",
            f"{_HERE}.options:RehearseSettings",
        ),
        CliCommand(
            "your client",
            "report",
            "what clients did well and badly: in recordings, or a running lab",
            "lab report recordings/*.rec.jsonl",
            f"{_HERE}.commands.report:execute",
            f"{_HERE}.options:ReportSettings",
        ),
        CliCommand(
            "your client",
            "drill",
            "every variant of a scenario with one fault",
            "lab drill item-comparison --family W,P",
            f"{_HERE}.commands.drill:execute",
            f"{_HERE}.options:DrillSettings",
        ),
    ),
    additions=(
        Addition("serve", f"{_HERE}.served_options:ServedDrillsSettings", offers=f"{_HERE}.served_drills:offer"),
    ),
    routes=(
        ControlRoute(
            "GET",
            "report",
            f"{_HERE}.routes:read_report",
            f"{_HERE}.routes:ReadReport",
            "what the rules say of the clients so far",
            example="report?over=1",
        ),
        ControlRoute(
            "GET",
            "outcome",
            f"{_HERE}.routes:judge_outcome",
            f"{_HERE}.routes:JudgeOutcome",
            "how the run of a client has ended",
            example="outcome?code=0&turns=1&strikes=0",
        ),
    ),
    forms=(ExportForm("judged", "a page, with the report on its client", f"{_HERE}.report.html:timeline_with_report"),),
)
