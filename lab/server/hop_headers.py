"""Headers that a proxy passes on, and those that concern one connection alone (RFC 9110 §7.6.1)."""

from lab.core.exchange import RawHeaders

_OF_ONE_CONNECTION = frozenset(b"connection keep-alive proxy-connection te trailer transfer-encoding upgrade".split())
"""Headers that go no further (RFC 9110 §7.6.1)."""


def passed_on(headers: RawHeaders, without: frozenset[bytes] = frozenset()) -> RawHeaders:
    """The headers that go further than one connection."""
    named = {
        part.strip().lower()
        for name, value in headers
        if name.rstrip().lower() == b"connection"
        for part in value.split(b",")
    }
    left = _OF_ONE_CONNECTION | named | without
    names = ((name.rstrip(), value) for name, value in headers)  # no blank before the colon goes on (RFC 9112 §5.1)
    return tuple((name, value) for name, value in names if name.lower() not in left)
