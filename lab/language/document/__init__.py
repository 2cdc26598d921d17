"""The scenario document and the switches, typed: what an author may write.

`lab.language.parse` makes a `Scenario` of YAML text; nothing here reads text but the duration forms.
Words and rules: the scenario language's page; switches: contract.md §10.
"""

from lab.language.document.document import Agent, Ask, Latencies, Limits, Narration, Scenario, Token, Turn
from lab.language.document.draws import Between, Datum, Fake, Latency, Listed, LogNormal, Number, Observed, OneOf
from lab.language.document.faults import FAULT_ROUTES, MILLION, Calls, Fault, RetryDate, RetryText, fault_names
from lab.language.document.outputs import FORMS, FileOutput, Filler, Html, JsonOutput, Output
from lab.language.document.server import Accounts, Application, Server, User
from lab.language.document.steps import (
    STEP_KINDS,
    Again,
    AnyStep,
    Complete,
    Failure,
    Gate,
    Labels,
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
from lab.language.document.switches import IDENTITY, PROFILES, Layers, Switches
from lab.language.document.words import LONGEST, Duration, Model, Status, Verdict, duration, nearest
from lab.language.document.written import duration_text, fault_document

__all__ = [
    "FAULT_ROUTES",
    "FORMS",
    "IDENTITY",
    "LONGEST",
    "MILLION",
    "PROFILES",
    "STEP_KINDS",
    "Accounts",
    "Again",
    "Agent",
    "AnyStep",
    "Application",
    "Ask",
    "Between",
    "Calls",
    "Complete",
    "Datum",
    "Duration",
    "Failure",
    "Fake",
    "Fault",
    "FileOutput",
    "Filler",
    "Gate",
    "Html",
    "JsonOutput",
    "Labels",
    "Latencies",
    "Latency",
    "Layers",
    "Limits",
    "Listed",
    "LogNormal",
    "Model",
    "Narration",
    "Number",
    "Observed",
    "OneOf",
    "Output",
    "Pause",
    "RetryDate",
    "RetryText",
    "Reviewer",
    "Routes",
    "Scenario",
    "Script",
    "Server",
    "Status",
    "Step",
    "StepId",
    "Switches",
    "Token",
    "Turn",
    "User",
    "Verdict",
    "Vote",
    "Work",
    "duration",
    "duration_text",
    "fault_document",
    "fault_names",
    "nearest",
    "step_id",
]
