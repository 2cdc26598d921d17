"""Secrets learnt on trial: a body is redacted in another thread as if its line came now, and what is learnt of it counts
only once its line does come, in the order of the lines. For aliases are numbered by first appearance, and a replay that
reads the lines in turn must come to the same numbers.
"""

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from lab.recording.redaction.known_secrets import KnownSecrets

_Args = ParamSpec("_Args")
_Result = TypeVar("_Result")


def _logged(
    method: Callable[Concatenate[KnownSecrets, _Args], _Result],
) -> Callable[Concatenate["TrialSecrets", _Args], _Result]:
    """The method; what it changes is remembered, but for what others of them do within it."""

    def logged(self: "TrialSecrets", /, *args: _Args.args, **kwargs: _Args.kwargs) -> _Result:
        if self.within:
            return method(self, *args, **kwargs)
        self.within, before = True, self.size()
        try:
            return method(self, *args, **kwargs)
        finally:
            self.within = False
            if self.size() != before:
                self.learnt.append((method, args, kwargs))

    return logged


class TrialSecrets(KnownSecrets):
    """A copy of the secrets of a tape, to be made where nobody else changes them; afterwards any thread may ask it."""

    def __init__(self, secrets: KnownSecrets) -> None:
        self.__dict__.update({name: _copy(value) for name, value in vars(secrets).items()})
        self.texts = secrets.texts.copy()
        self.learnt: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = []
        self.within = False
        self._secrets = secrets
        self._follow()
        self.begin()

    def _follow(self) -> None:
        self._base, self._base_counts = self._secrets.generation, dict(self._secrets._counts)

    def size(self) -> tuple[int, ...]:
        """Changes whenever something is learnt: what is known only gets more."""
        parts = (self._aliases, self.values, self.numbers, self._passed or (), self._no_pairs, self.texts.beginnings)
        return self.generation, *map(len, parts)

    def fits(self) -> bool:
        """Whether all is known that is known now, and what was learnt would have the same aliases."""
        if self._secrets.generation != self._base:
            return False
        return not self.learnt or self._secrets._counts == self._base_counts

    def settle(self) -> None:
        """Let what was learnt be known."""
        for method, args, kwargs in self.learnt:
            getattr(self._secrets, method.__name__)(*args, **kwargs)
        self.learnt.clear()
        self._follow()

    alias = _logged(KnownSecrets.alias)
    bind = _logged(KnownSecrets.bind)
    encoded = _logged(KnownSecrets.encoded)
    number = _logged(KnownSecrets.number)
    pair = _logged(KnownSecrets.pair)
    no_pair = _logged(KnownSecrets.no_pair)
    learn_typed = _logged(KnownSecrets.learn_typed)
    look_for = _logged(KnownSecrets.look_for)
    code = _logged(KnownSecrets.code)


def _copy(value: object) -> object:
    return value.copy() if isinstance(value, dict | set) else value
