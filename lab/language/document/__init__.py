"""The scenario document and the switches, typed: what an author may write.

`lab.language.parse` makes a `Scenario` of YAML text; nothing here reads text but the duration forms.
Words and rules: the scenario language's page; switches: contract.md §10.
"""

from lab.language.document.base import (
    LONGEST,
    MILLION,
    Duration,
    Model,
    Status,
    Verdict,
    chance_text,
    duration,
    duration_text,
    nearest,
)
from lab.language.document.branches import Branch, Target, branches_of
from lab.language.document.callers import Callers
from lab.language.document.data import (
    DRAWN,
    DataRow,
    Datum,
    Derivation,
    Element,
    Fake,
    Listed,
    Number,
    OneOf,
    form_of_datum,
)
from lab.language.document.draws import (
    Between,
    Exponential,
    Latency,
    LogNormal,
    Observed,
    draw_latency,
    longest_latency,
)
from lab.language.document.faults import (
    Calls,
    Fault,
    JobFault,
    RetryDate,
    RetryText,
    fault_document,
    fault_names,
)
from lab.language.document.gate_step import Gate, Labels, Reviewer, Routes, Script, Vote
from lab.language.document.outputs import OUTPUT_FORMS, FileOutput, Filler, Html, JsonOutput, Output, strings_in
from lab.language.document.routes import FAULT_ROUTES, OF_A_FORM, OF_A_JOB
from lab.language.document.scenario import (
    Agent,
    ClientLimits,
    ExpectedRun,
    Latencies,
    Narration,
    Scenario,
    Token,
    Turn,
    UserMessage,
)
from lab.language.document.step_model import StepId
from lab.language.document.steps import (
    STEPS,
    Again,
    AnyStep,
    Complete,
    Delegate,
    EndingStep,
    Failure,
    Parallel,
    ParallelChild,
    Pause,
    Step,
    TimedStep,
    Work,
    with_children,
)
from lab.language.document.switches import IDENTITY, PROFILES, Layers, Switches
