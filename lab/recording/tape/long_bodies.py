"""Long bodies that are redacted before their lines are written, in any thread: the tape finds them, and nobody waits.

What was known when one was redacted may be less than what is known when its line is written; then it counts for nothing,
and is redacted again as any other.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from msgspec import Struct

from lab.core.exchange import Headers, Json, Request
from lab.core.observe import Replied, Requested
from lab.recording.format.lines import Body
from lab.recording.redaction.bodies import body_of, content_type
from lab.recording.redaction.redact import Redactor
from lab.recording.redaction.trial_secrets import TrialSecrets
from lab.recording.redaction.written import path_without_secrets, without_secrets

MOST_KEPT = 8
"""Long answers are polled again and again; thousands would fill memory."""
_TRIES = 3
"""Of a body that brings secrets: each may stand in what was gone through before."""

BodyKey: TypeAlias = tuple[str, bytes, bool, bool]
"""Content type, bytes, whether it is a reply's, and whether that was cut."""
Said: TypeAlias = Callable[[], Sequence[Json]]
"""Gives what of a request a fact may hold."""


class LongBody(Struct, frozen=True):
    """One that was redacted."""

    key: BodyKey
    trial: TrialSecrets
    """What was known, and what was learnt of it."""
    body: Body
    said: tuple[tuple[Json, Json], ...]
    """What a fact may hold of it, each as it is and redacted."""


def key_of(headers: Headers, raw: bytes, *, reply: bool, cut: bool = False) -> BodyKey:
    """Of what a body's redaction depends."""
    return content_type(headers), raw, reply, cut


def key_in(observation: Requested | Replied) -> BodyKey:
    """The same of the body that an observation holds."""
    if isinstance(observation, Requested):
        return key_of(observation.request.headers, observation.request.body, reply=False)
    response = observation.response
    return key_of(response.headers, response.body, reply=True, cut=observation.cut is not None)


class LongBodies:
    """Redacts them with the secrets of a tape, and keeps them for it."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._known: dict[BodyKey, LongBody] = {}

    def trial(self) -> TrialSecrets:
        """What is known now, to redact one with."""
        return TrialSecrets(self._redactor.secrets)

    def redacted(self, observation: Requested | Replied, said: Said, trial: TrialSecrets) -> LongBody:
        """Redact the body of what will be told, in any thread."""
        key = _, raw, reply, cut = key_in(observation)
        redactor = self._redactor.on_trial(trial, cut=cut)
        message = observation.request if isinstance(observation, Requested) else observation.response
        values = tuple(said())
        for _ in range(_TRIES):
            generation = trial.generation
            # in the order in which the lines are made, for so aliases are numbered
            body = body_of(message.headers, raw, redactor, oauth=False, reply=reply)
            if isinstance(message, Request):
                path_without_secrets(message.path, redactor)
                without_secrets(message.query, redactor, oauth=False)
            redactor.headers(message.headers)
            clean = tuple((value, redactor.json(value)) for value in values)
            if trial.generation == generation:
                break
        return LongBody(key, trial, body, clean)

    def keep(self, known: LongBody) -> None:
        """Have it at hand for the line to come."""
        self._known.pop(known.key, None)
        self._known[known.key] = known
        while len(self._known) > MOST_KEPT:
            del self._known[next(iter(self._known))]

    def get(self, key: BodyKey) -> LongBody | None:
        """The one of that key; None also of one that knew too few secrets."""
        known = self._known.get(key) if self._known else None
        return known if known is not None and known.trial.fits() else None

    def ready(self, observation: Requested | Replied) -> bool:
        """Whether the body of what is about to be told is at hand."""
        return self.get(key_in(observation)) is not None

    def drop(self, written: LongBody) -> None:
        """It was written: hardly any comes twice."""
        self._known.pop(written.key, None)
