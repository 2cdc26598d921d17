"""How a passage begins in a journal: the token that its calls bear, and the acceptance of its job."""

from dataclasses import replace

from lab.core.exchange import Json, text_of
from lab.dialects import fusion as wire
from lab.jobs import journal
from lab.tui.view import clean
from lab.tui.view.jobs import Flight, Grant, Jobs, Passage
from lab.tui.view.seen import JobView, Pairs, TokenView
from lab.tui.view.state import Stage


def borne(jobs: Jobs, key: int, token: str) -> Jobs:
    """The passage with the token that its call bears: what was asked for by itself becomes part of it."""
    passage, grant = jobs.passages.get(key), jobs.grants.get(token)
    if passage is None or grant is None or passage.bearer == token:
        return jobs
    fresh = passage.stage.start is None and not grant.used
    stage = grant.stage if fresh else replace(passage.stage, token=grant.stage.token)
    if fresh and passage.stage.job is not None:
        stage = replace(stage, job=passage.stage.job)
    jobs = jobs.granted(token, replace(grant, used=True)).without(grant.x)
    return jobs.with_passage(key, replace(passage, stage=stage, bearer=token))


def granted(jobs: Jobs, fact: journal.TokenGranted, x: int | None) -> Jobs:
    """The claims of a token that only its alias is known of; one told again after a restart is granted anew."""
    claims, flight = _claims(jobs, fact), jobs.flying.get(x or 0)
    if flight is not None:
        return jobs.fly(x or 0, replace(flight, claims=claims))
    form = (("grant_type", clean.line(fact.grant, 80)), ("scope", clean.line(fact.scope)))
    token = TokenView(
        fact.at, wire.path_of("token"), form, 200, None, clean.shown(fact.token), claims, fact.at, fact.until
    )
    return jobs.granted(fact.token, Grant(Stage(token=token), 0, used=True))


def _claims(jobs: Jobs, fact: journal.TokenGranted) -> Pairs:
    told = (
        ("sub", fact.user or fact.client), ("sub_type", "user" if fact.user else "client"), ("client_id", fact.client),
        ("scope", fact.scope), ("iat", str(jobs.epoch + fact.at // 1000)),
        ("exp", str(jobs.epoch + fact.until // 1000)),
    )  # fmt: skip
    return tuple((name, clean.line(value, 512)) for name, value in told)


def accepted(jobs: Jobs, fact: journal.JobAccepted, x: int | None) -> Jobs:
    """The passage of a job that was accepted; one whose call is no invokeAsync, or not in sight, begins here."""
    flight = jobs.flying.get(x) if x is not None else None
    key = flight.passage if flight is not None else None
    if key is None or key not in jobs.passages:
        key = x if x is not None and x not in jobs.passages else min(0, *jobs.passages, 0) - 1
        jobs = jobs.begin(key, Passage(Stage(job=_told_again(fact))))
        if flight is not None and key == x:
            jobs = _streamed(jobs, key, flight)
    passage = replace(jobs.passages[key], scenario=fact.scenario, conversation=fact.conversation)
    return jobs.with_passage(key, passage).named(fact.job, key)


def _streamed(jobs: Jobs, key: int, flight: Flight) -> Jobs:
    """A job begun by a call that answers with events: the call becomes part of it, and so its code."""
    jobs = borne(jobs.fly(key, replace(flight, passage=key)), key, flight.bearer)
    call = next((call for call in reversed(jobs.calls) if call.x == key), None)
    passage = jobs.passages[key]
    if call is None or passage.stage.job is None:
        return jobs
    start = call.at if passage.stage.start is None else passage.stage.start
    job = replace(passage.stage.job, asked=call.at, path=call.path)
    stage = replace(passage.stage, job=job, calls=(call,), start=start, began=start)
    return jobs.with_passage(key, replace(passage, stage=stage))


def _told_again(fact: journal.JobAccepted) -> JobView:
    """A job whose call is not in sight, as its acceptance tells it."""
    fields = tuple((clean.line(name, 64), _value(value)) for name, value in fact.input.items())
    path = clean.line(wire.path_of("invoke", code=fact.team), 2_048)
    return JobView(
        fact.at, path, clean.line(fact.team, 200), fields, job=clean.line(fact.job, 200),
        conversation=None if fact.conversation is None else clean.line(fact.conversation, 200),
    )  # fmt: skip


def _value(value: Json) -> str:
    return clean.line(clean.masked(value if isinstance(value, str) else text_of(value)))
