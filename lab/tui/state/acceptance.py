"""How a passage begins in a journal: the token that its calls bear, and the acceptance of its job."""

from dataclasses import replace

from lab.core.exchange import Json, text_of
from lab.dialects import fusion as wire
from lab.identity.facts import TokenGranted
from lab.identity.routes import PATHS
from lab.jobs.facts import JobAccepted
from lab.tui.state import clean
from lab.tui.state.journal import ClientRun, IssuedToken, JournalState, PendingExchange
from lab.tui.state.screen import RunState
from lab.tui.state.values import JobState, Pairs, TokenState


def borne(jobs: JournalState, key: int, token: str) -> JournalState:
    """The passage with the token that its call bears: what was asked for by itself becomes part of it."""
    client_run, grant = jobs.client_runs.get(key), jobs.grants.get(token)
    if client_run is None or grant is None or client_run.bearer == token:
        return jobs
    fresh = client_run.stage.start is None and not grant.used
    stage = grant.stage if fresh else replace(client_run.stage, token=grant.stage.token)
    if fresh and client_run.stage.job is not None:
        stage = replace(stage, job=client_run.stage.job)
    jobs = jobs.granted(token, replace(grant, used=True)).without(grant.x)
    return jobs.with_client_run(key, replace(client_run, stage=stage, bearer=token))


def granted(jobs: JournalState, fact: TokenGranted, x: int | None) -> JournalState:
    """The claims of a token that only its alias is known of; one told again after a restart is granted anew."""
    claims, pending = _claims(jobs, fact), jobs.in_flight.get(x or 0)
    if pending is not None:
        return jobs.fly(x or 0, replace(pending, claims=claims))
    form = (("grant_type", clean.line(fact.grant, 80)), ("scope", clean.line(fact.scope)))
    token = TokenState(fact.at, PATHS["token"], form, 200, None, clean.shown(fact.token), claims, fact.at, fact.until)
    return jobs.granted(fact.token, IssuedToken(RunState(token=token), 0, used=True))


def _claims(jobs: JournalState, fact: TokenGranted) -> Pairs:
    told = (
        ("sub", fact.user or fact.client), ("sub_type", "user" if fact.user else "client"), ("client_id", fact.client),
        ("scope", fact.scope), ("iat", str(jobs.epoch + fact.at // 1000)),
        ("exp", str(jobs.epoch + fact.until // 1000)),
    )  # fmt: skip
    return tuple((name, clean.line(value, 512)) for name, value in told)


def accepted(jobs: JournalState, fact: JobAccepted, x: int | None) -> JournalState:
    """The passage of a job that was accepted; one whose call is no invokeAsync, or not in sight, begins here."""
    pending = jobs.in_flight.get(x) if x is not None else None
    key = pending.client_run if pending is not None else None
    if key is None or key not in jobs.client_runs:
        key = x if x is not None and x not in jobs.client_runs else min(0, *jobs.client_runs, 0) - 1
        jobs = jobs.begin(key, ClientRun(RunState(job=_told_again(fact))))
        if pending is not None and key == x:
            jobs = _streamed(jobs, key, pending)
    client_run = replace(jobs.client_runs[key], scenario=fact.scenario, conversation=fact.conversation)
    return jobs.with_client_run(key, client_run).named(fact.job, key)


def _streamed(jobs: JournalState, key: int, pending: PendingExchange) -> JournalState:
    """A job begun by a call that answers with events: the call becomes part of it, and so its code."""
    jobs = borne(jobs.fly(key, replace(pending, client_run=key)), key, pending.bearer)
    call = next((call for call in reversed(jobs.calls) if call.x == key), None)
    client_run = jobs.client_runs[key]
    if call is None or client_run.stage.job is None:
        return jobs
    start = call.at if client_run.stage.start is None else client_run.stage.start
    job = replace(client_run.stage.job, asked=call.at, path=call.path)
    stage = replace(client_run.stage, job=job, calls=(call,), start=start, began=start)
    return jobs.with_client_run(key, replace(client_run, stage=stage))


def _told_again(fact: JobAccepted) -> JobState:
    """A job whose call is not in sight, as its acceptance tells it."""
    fields = tuple((clean.line(name, 64), _value(value)) for name, value in fact.input.items())
    path = clean.line(wire.fusion_path("invoke", code=fact.team), 2_048)
    return JobState(
        fact.at, path, clean.line(fact.team, 200), fields, job=clean.line(fact.job, 200),
        conversation=None if fact.conversation is None else clean.line(fact.conversation, 200),
    )  # fmt: skip


def _value(value: Json) -> str:
    return clean.line(clean.masked(value if isinstance(value, str) else text_of(value)))
