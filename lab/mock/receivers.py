"""Who is told of jobs by callbacks, as clients register it over their wire (callbacks.md §5)."""

from msgspec.structs import replace

from lab.core.exchange import loopback
from lab.core.refusal import Refusal, bad_request, conflict
from lab.core.seeds import digest, hexes
from lab.dialects.base import (
    JOB_UNKNOWN,
    RECEIVER_UNKNOWN,
    TELLS_NOBODY,
    EndReceiver,
    ReceiverCommand,
    Receivers,
    RegisterReceiver,
)
from lab.dialects.signed import secret_of
from lab.identity.recorded import RecordedSecrets
from lab.jobs.callbacks import CallbackEnded, CallbackRegistered, Receiver, Registration, receivers_of, standing
from lab.mock.call import Call
from lab.mock.config import Config
from lab.mock.team_rules import absent_team

MOST_RECEIVERS = 20
"""That stand at once: of a job, or of a caller."""
MOST_REGISTERED = 1_000
"""Registrations that are told of several jobs, ended ones too, for each job is held against all of them."""


def take_receivers(call: Call, command: ReceiverCommand, secrets: RecordedSecrets) -> Receivers | Refusal:
    """Register a receiver, list or end some, or say why not."""
    if (absent := absent_team(call)) is not None or call.config.callbacks is None:
        return absent or TELLS_NOBODY
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
    if isinstance(command, EndReceiver):
        call.changes.add(CallbackEnded(at=call.now, receiver=command.receiver, wire=command.wire, job=job))
    return Receivers(known)


def _standing(call: Call, wire: str, job: str | None) -> tuple[Receiver, ...]:
    owner = call.bearer.owner
    return tuple(each for each in standing(call.changes.get, job) if (each.wire, each.owner) == (wire, owner))


def unfit(call: Call, registration: Registration, job: str | None = None) -> Refusal | None:
    """Why a receiver can't be registered; `job`: of which it is told, where that is there already."""
    if call.config.callbacks is None:
        return TELLS_NOBODY
    if registration.url is not None and (wrong := wrong_url(registration.url, call.config)) is not None:
        return wrong
    known, name = _standing(call, registration.wire, job), registration.name or job
    if name is not None and any(each.name == name for each in known):
        return None
    if registration.known:
        return RECEIVER_UNKNOWN
    if len(known) >= MOST_RECEIVERS or (job is None and len(receivers_of(call.changes.get)) >= MOST_REGISTERED):
        return conflict(f"There are {len(known)} ‹receivers› already.", "End one before you register another.")
    return None


def wrong_url(text: str, config: Config) -> Refusal | None:
    """What is wrong with the address of a receiver: it has to be of this machine, or of a host that was allowed."""
    try:
        _, host = address_of(text)
    except ValueError:
        hint = "Give http or https, a host, and no name, password or fragment."
        return bad_request("‹url› is no URL of a receiver.", hint, promised=True)
    # the lab itself: its own origin has another name on a tape
    if not loopback(host) and host not in (config.callbacks or ()) and not text.startswith(f"{config.here}/"):
        hint = f"It must be, unless the lab was started with --allow-host {host[:100]}."
        return bad_request("‹url› isn't on this machine.", hint, promised=True)
    return None


def address_of(text: str) -> tuple[str, str]:
    """The URL of a receiver as it is called, and its host; ValueError says what is wrong."""
    from yarl import URL  # by which it is called, too: two readers might find two hosts

    try:
        url = URL(text)
    except ValueError:
        raise ValueError("no URL") from None
    if url.scheme not in ("http", "https") or not url.host or url.user or url.password or url.fragment:
        raise ValueError("no URL of a receiver")
    return str(url), url.host


def register(call: Call, registration: Registration, job: str | None, secrets: RecordedSecrets) -> Receiver:
    """Let a receiver be told from now on."""
    owner, said = call.bearer.owner, registration
    ordinal = len(receivers_of(call.changes.get, job)) + 1
    name = said.name or job or hexes(call.config.id_seed, f"{job or ''}/receiver/{ordinal}", 32)
    minted = None
    if said.minted:
        key = digest(call.config.id_seed, f"{job or ''}/receiver/{ordinal}/secret")
        minted = secrets.mint("signing", lambda: secret_of(key))
    fact = CallbackRegistered(
        at=call.now,
        receiver=name,
        wire=said.wire,
        url=address_of(said.url)[0] if said.url is not None else "",
        secret=said.secret,
        minted=minted,
        token=said.token,
        owner=owner,
        job=job,
        members=said.members,
    )
    before = next((each for each in _standing(call, said.wire, job) if each.name == name), None)
    if said.known and before is not None:  # what isn't said stays
        secret, token = said.secret or (None if minted else before.secret), said.token or before.token
        members = {**before.members, **said.members}
        fact = replace(fact, url=fact.url or before.url, secret=secret, token=token, members=members)
    content = fact.url, fact.minted or fact.secret, fact.token, fact.members
    if before is not None and content == (before.url, before.secret, before.token, before.members):
        return before  # nothing becomes of it
    call.changes.add(fact)
    return next(each for each in _standing(call, said.wire, job) if each.name == name)
