"""What the person at the terminal is told of what a client does, where it can hardly be meant."""

from collections import Counter
from collections.abc import Callable, Iterator

from lab.cli.console import Console
from lab.core.clock import Millis
from lab.core.exchange import Request
from lab.core.journal.shell import RequestMalformed
from lab.core.logtext import harmless_text
from lab.core.observe import Noted, Observation, Observer, Touched
from lab.jobs.facts import JobAccepted
from lab.language.templates.bounds import Unwritten
from lab.mock.service import Service

_LONGEST = 400
"""Characters of a reason that are shown."""
MANY_POLLS = 20
"""Polls of one job at one instant of a manual clock, of which somebody is told."""


def client_hints(console: Console, mode: str, service: Service) -> Iterator[Observer]:
    """Observers that tell, of a mock whose clock is of that kind; of its scenario too, if that fails."""
    service.unwritten.append(failed_texts(console.err))
    service.fact_observers.append(_tls_hint(console))
    if mode == "manual":
        yield _standing_clock_hint(console)


def failed_texts(tell: Callable[[str], object]) -> Callable[[Unwritten], None]:
    """Tells, once a step, why a text or a condition failed while a job ran: what is answered doesn't say it."""
    known: set[tuple[str, str, str]] = set()

    def note(failed: Unwritten) -> None:
        key = failed.digest, failed.step, failed.instead
        if key not in known:
            known.add(key)
            why = harmless_text(failed.why[:_LONGEST])
            tell(f"note: scenario {failed.scenario}, step {failed.step}: {why}; {failed.instead}.")

    return note


def _tls_hint(console: Console) -> Callable[[Noted], None]:
    """Tells, once, that a client speaks TLS to the plain port (limits.md §4, rows 1 to 4)."""
    notes = ["note: a client speaks TLS to the plain port: use http:// there."]

    def note(noted: Noted) -> None:
        if isinstance(noted.fact, RequestMalformed) and noted.fact.what == "tls-on-plain-port" and notes:
            console.err(notes.pop())

    return note


def foreign_token_hint(
    console: Console, here: str, granted_at: Callable[[str], str | None]
) -> Callable[[Request], None]:
    """Tells, once, that a client shows `here` a token that another mock granted; `granted_at` says where a token is known."""
    notes = [
        f"note: at {here} a client shows a token of {{}}: tokens too are asked for beneath the prefix, or with the header."
    ]

    def look(unauthorized: Request) -> None:
        token = (unauthorized.header("authorization") or "").partition(" ")[2].strip()
        if notes and token and (place := granted_at(token)) is not None:
            console.err(notes.pop().format(place))

    return look


def _standing_clock_hint(console: Console) -> Observer:
    """Tells that a job is polled for something that can't come: nobody moves the clock."""
    instant: Millis = -1
    looks = Counter[str]()

    def observe(observation: Observation) -> None:
        nonlocal instant
        if isinstance(observation, Noted) and isinstance(observation.fact, JobAccepted):
            looks[observation.fact.job] = 0
        if type(observation) is not Touched:
            return
        if observation.at != instant:
            instant = observation.at
            looks.clear()
        looks[observation.job] += 1
        if looks[observation.job] == MANY_POLLS:
            console.err(
                f"note: {MANY_POLLS} polls of job {observation.job}, and the manual clock stands at {instant} ms: move it"
                " (POST /_lab/clock), or serve with --clock scaled:60."
            )

    return observe
