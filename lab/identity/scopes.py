"""What a scope means (contract.md §7.3): one names a service of a pod, and beside it stand words of other kinds."""

import re
from functools import lru_cache

from msgspec import Struct

API_SERVICE = "fusion-ai"
"""The service that the API is."""
SERVICES = ("boss", "sales-common", "saas-batch", "knowledge-management")
"""The pod's services beside fusion-ai: each an audience of its own, which the API refuses (contract.md §2.3)."""
NO_ACCESS = "lab.none"
"""Appended to the API's scope: right audience, no access."""
OFFLINE = "offline_access"
OPENID = "openid"
MYSCOPES = "urn:opc:idm:__myscopes__"
"""A token for the identity domain itself, which the API refuses."""
_BESIDE = frozenset({OFFLINE, OPENID, MYSCOPES})

_EXPIRY = re.compile(r"urn:opc:resource:expiry=([0-9]{1,9})")
_SERVICE = re.compile(rf"urn:opc:resource:fusion:[a-z0-9-]{{1,63}}:({'|'.join(SERVICES)})/")


def service_scope(pod: str, service: str) -> str:
    """The scope of a service of a pod."""
    return f"urn:opc:resource:fusion:{pod}:{service}/"


def api_scope(pod: str) -> str:
    """The scope that opens the API of a pod."""
    return service_scope(pod, API_SERVICE)


class Scope(Struct, frozen=True):
    """A scope that was understood: what is granted, and the lifetime asked for in seconds."""

    granted: str
    lifetime: int | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """The granted words."""
        return tuple(self.granted.split(" "))

    def lifetime_within(self, longest: int) -> int:
        """Seconds for which a token of this scope is good: what was asked for, at most `longest`."""
        return min(self.lifetime or longest, longest)


def read_scope(text: str, pod: str, *, shortest: int) -> Scope | None:
    """The scope parameter, or None if a word is unknown, a lifetime repeated, or nothing is asked for.

    A lifetime is asked for by a word of its own, which isn't granted; one below `shortest` seconds is raised to that.
    """
    granted: list[str] = []
    lifetime: int | None = None
    for word in text.split(" ") if text else []:
        expiry = _EXPIRY.fullmatch(word)
        if expiry:
            if lifetime is not None or int(expiry[1]) == 0:
                return None
            lifetime = max(shortest, int(expiry[1]))
        elif word in _BESIDE or word in (api_scope(pod), api_scope(pod) + NO_ACCESS):
            granted.append(word)
        else:
            return None
    if not granted or (MYSCOPES in granted and len(granted) > 1):
        return None
    return Scope(" ".join(granted), lifetime)


def audience(scope: str) -> tuple[str, ...]:
    """The resources that a granted scope is for; none: the identity domain alone."""
    words = (word.removesuffix(NO_ACCESS) for word in scope.split(" ") if word not in _BESIDE)
    return tuple(dict.fromkeys(words))


@lru_cache(maxsize=256)
def for_api(scope: str) -> bool:
    """Whether a granted scope is for the API: neither for the identity domain alone nor for another service."""
    resources = audience(scope)
    return bool(resources) and not all(_SERVICE.fullmatch(resource) for resource in resources)


@lru_cache(maxsize=256)
def services_of(scope: str) -> frozenset[str]:
    """The pod's services beside the API that a granted scope is for."""
    return frozenset(found[1] for resource in audience(scope) if (found := _SERVICE.fullmatch(resource)))


@lru_cache(maxsize=256)
def opens_api(scope: str) -> bool:
    """Whether a granted scope lets its bearer in: anything but the scope without access."""
    return any(not word.endswith(NO_ACCESS) for word in scope.split(" ") if word not in _BESIDE)
