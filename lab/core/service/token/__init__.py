"""The identity domain: token, authorize, device, introspect, revoke, discovery and keys (contract.md §7)."""

from lab.core.service.token.code import authorize
from lab.core.service.token.device import answer_device, device, device_page
from lab.core.service.token.endpoint import token
from lab.core.service.token.inspect import introspect, live, revoke
from lab.core.service.token.issue import REFRESH_LIFETIME, lifetime_of
from lab.core.service.token.parts import Desk, Granted
from lab.core.service.token.published import discovery, keys

__all__ = [
    "REFRESH_LIFETIME", "Desk", "Granted", "answer_device", "authorize", "device", "device_page", "discovery", "introspect", "keys", "lifetime_of",
    "live",
    "revoke", "token",
]  # fmt: skip
