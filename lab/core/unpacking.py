"""Compressed bodies unpacked: gzip and deflate (RFC 9110 §8.4.1)."""

import zlib
from typing import Any

_MOST_STREAMS = 1_000
"""Compressed streams of a body: empty ones would cost time and bring nothing."""


class Unpacked:
    """A compressed body as it comes in (RFC 1950 to 1952): streams, one behind the other."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._stream: Any = None
        self._streams = 0

    def feed(self, data: bytes, room: int) -> bytes:
        """What these bytes unpack to, `room` bytes of it at most; zlib.error if they are broken."""
        out = bytearray()
        while data and len(out) < room:
            if self._stream is None or self._stream.eof:
                self._stream = self._begin(data[0])
            out += self._stream.decompress(data, room - len(out))
            data = self._stream.unused_data
        return bytes(out)

    def _begin(self, first: int) -> Any:
        self._streams += 1
        if self._streams > _MOST_STREAMS:
            raise zlib.error("too many streams")
        # deflate often comes without the wrapping that it should have (RFC 9110 §8.4.1.2)
        bare = self._coding == "deflate" and first & 15 != 8
        return zlib.decompressobj(-zlib.MAX_WBITS if bare else zlib.MAX_WBITS + 16 * (self._coding == "gzip"))

    def end(self) -> None:
        """Nothing more comes; zlib.error if something is missing, be it the checksum alone."""
        if self._stream is not None and not self._stream.eof:
            raise zlib.error("the end is missing")
