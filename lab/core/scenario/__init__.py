"""The scenario document and the switches, typed: what an author may write.

`lab.core.parse` makes a `Scenario` of YAML text; nothing here reads text but the duration forms.
Words and rules: the scenario language's page; switches: contract.md §10.
"""

from lab.core.scenario.document import Agent, Ask, Latencies, Narration, Scenario, Token
from lab.core.scenario.draws import Between, Datum, Fake, Latency, Listed, LogNormal, Number, Observed, OneOf
from lab.core.scenario.steps import (
    STEP_KINDS,
    Again,
    AnyStep,
    Complete,
    Failure,
    Gate,
    Labels,
    Output,
    Pause,
    Reviewer,
    Routes,
    Script,
    Step,
    StepId,
    Vote,
    Work,
    step_id,
)
from lab.core.scenario.switches import PROFILES, Switches
from lab.core.scenario.words import LONGEST, Duration, Model, Status, Verdict, duration, nearest

__all__ = [
    "LONGEST",
    "PROFILES",
    "STEP_KINDS",
    "Again",
    "Agent",
    "AnyStep",
    "Ask",
    "Between",
    "Complete",
    "Datum",
    "Duration",
    "Failure",
    "Fake",
    "Gate",
    "Labels",
    "Latencies",
    "Latency",
    "Listed",
    "LogNormal",
    "Model",
    "Narration",
    "Number",
    "Observed",
    "OneOf",
    "Output",
    "Pause",
    "Reviewer",
    "Routes",
    "Scenario",
    "Script",
    "Status",
    "Step",
    "StepId",
    "Switches",
    "Token",
    "Verdict",
    "Vote",
    "Work",
    "duration",
    "nearest",
    "step_id",
]
