"""Who is told of jobs by callbacks, as clients register it over their wire (callbacks.md §5)."""

from urllib.parse import urlsplit

from lab.core.exchange import loopback
from lab.core.refusal import Refusal, bad_request, conflict
from lab.core.seeds import digest, hexes
from lab.dialects.base import (
    JOB_UNKNOWN,
    RECEIVER_UNKNOWN,
    TELLS_NOBODY,
    EndReceiver,
    ListReceivers,
    ReceiverCommand,
    Receivers,
    RegisterReceiver,
)
from lab.dialects.signed import secret_of
from lab.identity.recorded import RecordedSecrets
from lab.jobs.callbacks import CallbackEnded, CallbackRegistered, Receiver, Registration, receivers_of, standing
from lab.mock.call import Call
from lab.mock.config import Config

MOST_RECEIVERS = 20
"""That stand at once: of a job, or of a caller."""
MOST_REGISTERED = 1_000
"""Registrations that are told of several jobs, ended ones too, for each job is held against all of them."""


def take_receivers(call: Call, command: ReceiverCommand, secrets: RecordedSecrets) -> Receivers | Refusal:
    """Register a receiver, list or end some, or say why not."""
    if call.config.callbacks is None:
        return TELLS_NOBODY
    job = None
    if command.job is not None:
        if (view := call.job(command.job)) is None:
            return JOB_UNKNOWN
        job = call.touched = view.plan.invocation.job
    if isinstance(command, RegisterReceiver):
        return unfit(call, command.registration, job) or Receivers(
            (register(call, command.registration, job, secrets),)
        )
    known = _standing(call, command.wire, job)
    if command.receiver is not None:
        known = tuple(each for each in known if each.name == command.receiver)
        if not known:
            return RECEIVER_UNKNOWN
    match command:
        case ListReceivers():
            return Receivers(known)
        case EndReceiver(wire=wire, receiver=name):
            call.changes.add(CallbackEnded(at=call.now, receiver=name, wire=wire, job=job))
            return Receivers(known)


def _standing(call: Call, wire: str, job: str | None) -> tuple[Receiver, ...]:
    known = standing(call.changes.get, job)
    return tuple(each for each in known if (each.wire, each.owner) == (wire, call.bearer.owner))


def unfit(call: Call, registration: Registration, job: str | None = None) -> Refusal | None:
    """Why a receiver can't be registered; `job`: of which it is told, where that is there already."""
    if call.config.callbacks is None:
        return TELLS_NOBODY
    if registration.url is not None and (wrong := wrong_url(registration.url, call.config)) is not None:
        return wrong
    known = _standing(call, registration.wire, job)
    if registration.name is not None and any(each.name == registration.name for each in known):
        return None
    if registration.known:
        return RECEIVER_UNKNOWN
    if len(known) >= MOST_RECEIVERS or (job is None and len(receivers_of(call.changes.get)) >= MOST_REGISTERED):
        return conflict(f"There are {len(known)} receivers already.", "End one before you register another.")
    return None


def wrong_url(text: str, config: Config) -> Refusal | None:
    """What is wrong with the address of a receiver: it has to be of this machine, or of a host that was allowed."""
    try:
        url = urlsplit(text)
        _ = url.port
        known = url.scheme in ("http", "https") and bool(url.hostname) and text.isprintable() and " " not in text
    except ValueError:
        known = False
    if not known or "@" in url.netloc or url.fragment:
        return bad_request(
            "‹url› is no URL of a receiver.", "http or https, without a name, a password or a fragment.", promised=True
        )
    host = url.hostname or ""
    if not loopback(host) and host not in (config.callbacks or ()):
        return bad_request(
            f"‹url› is not on this machine: {host[:100]}.",
            "lab serve --allow-host names hosts that may be told.",
            promised=True,
        )
    return None


def register(call: Call, registration: Registration, job: str | None, secrets: RecordedSecrets) -> Receiver:
    """Let a receiver be told from now on; where one stands that is just so, nothing becomes of it."""
    wish, seed, stands = registration, call.config.id_seed, _standing(call, registration.wire, job)
    before = next((each for each in stands if each.name == wish.name), None)
    # of one that is known, what isn't said stays
    kept = before if wish.known and before is not None else Receiver(name="", url="", since=call.now)
    stream, minted = f"{job or ''}/receiver/{len(receivers_of(call.changes.get, job)) + 1}", None
    if wish.minted:
        minted = secrets.mint("signing", lambda: secret_of(digest(seed, f"{stream}/secret")))
    fact = CallbackRegistered(
        at=call.now,
        receiver=wish.name or hexes(seed, stream, 32),
        wire=wish.wire,
        url=wish.url or kept.url,
        secret=wish.secret,
        minted=minted or kept.secret,
        token=wish.token or kept.token,
        owner=call.bearer.owner,
        job=job,
        members={**kept.members, **wish.members},
    )
    content = fact.url, fact.minted or fact.secret, fact.token, fact.members
    if before is not None and content == (before.url, before.secret, before.token, before.members):
        return before
    call.changes.add(fact)
    return next(each for each in _standing(call, wish.wire, job) if each.name == fact.receiver)
