"""`lab new`: a commented scenario to start from."""

import re

from lab.cli.console import Console
from lab.core.errors import UsageError
from lab.settings import Flags

START = """\
# yaml-language-server: $schema=lab.schema.json     (written by: lab schema > scenarios/lab.schema.json)
lab: 1                        # version of this language
name: {name}
title: {title}
shows: One line for the picker
story: |                      # for the presenter, shown before the run; Markdown
  Who asks, what the agent does, and where a person decides.
agent: {{code: {code}, version: 1}}
ask: Please handle case 4711  # what our external app sends

seed: 1                       # from which all chance is drawn; without it each run draws a fresh one
# settings: {{invoke_status: 200}}  # switches of the mock for this scenario (lab fidelity, lab schema)
latency:                      # how long each reply is withheld
  token: 120ms
  invoke: {{median: 180ms, p95: 320ms}}
  status: {{between: [35ms, 60ms]}}

data:                         # drawn once per job, from the seed
  amount: {{between: [100, 900], decimals: 2}}

steps:                        # in order; each is a work, a wait, a gate, or an ending
  - work: read
    title: The case is read
    takes: {{between: [2s, 4s]}}
    says: Reading the case…
  - gate: approval            # the job waits for a person
    title: May it be paid?
    asks: Pay {{{{ data.amount }}}}?
    patience: 15m             # then it times out
    verdicts:
      rejected: declined      # approved goes on to the next step
    reviewer: {{after: 5s, verdict: approved, by: owner}}  # who decides when nobody is there
  - work: pay
    takes: 2s
    says: Paying…
  - complete: paid
    output: "Paid {{{{ data.amount }}}}."
  - complete: declined
    output: "Not paid: {{{{ decisions['approval'].comment or 'declined' }}}}."
"""


def execute(flags: Flags, console: Console) -> int:
    """Print it; where to keep it is the author's affair."""
    name: str = flags["target"]
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,79}", name):
        raise UsageError(f"{name!r} can't name a scenario.", hint="Use a-z, 0-9 and dashes, as in refund-request.")
    code = f"{name.upper().replace('-', '_')}_TEAM"
    console.out(START.format(name=name, title=name.replace("-", " ").capitalize(), code=code).rstrip("\n"))
    console.err(f"keep it as scenarios/{name}.yaml, then: lab check scenarios/{name}.yaml")
    return 0
