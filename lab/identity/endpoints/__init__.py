"""The identity domain: token, authorize, device, introspect, revoke, discovery and keys (contract.md §7)."""

from lab.identity.endpoints.code import authorize
from lab.identity.endpoints.device import answer_device, device, device_page
from lab.identity.endpoints.endpoint import token
from lab.identity.endpoints.inspect import introspect, live, revoke
from lab.identity.endpoints.issue import REFRESH_LIFETIME, lifetime_of
from lab.identity.endpoints.parts import Desk, Granted
from lab.identity.endpoints.published import published

__all__ = [
    "REFRESH_LIFETIME", "Desk", "Granted", "answer_device", "authorize", "device", "device_page", "introspect", "lifetime_of", "live", "published", "revoke", "token",
]  # fmt: skip
