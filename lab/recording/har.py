"""HAR 1.2: what stands in such a file, whoever wrote it: the one model by which it is read and written."""

from base64 import b64decode, b64encode
from typing import Any, TypeAlias
from urllib.parse import urlencode

from msgspec import UNSET, Struct, UnsetType, field

from lab.core.exchange import Headers

NeverRead: TypeAlias = Any
"""It is written and never read, so it may be anything in the files of others."""
HarText: TypeAlias = str | UnsetType | None
"""It may be left out."""


class HarPair(Struct, gc=False):
    """A header, a parameter or a cookie."""

    name: str
    value: str = ""


HarPairs: TypeAlias = list[HarPair] | None
"""Nothing that is written is null; in the files of others whatever needn't be there may be."""


class HarContent(Struct, kw_only=True, rename="camel", gc=False):
    """A body: `postData` of a request, `content` of a response."""

    size: NeverRead = UNSET
    mime_type: NeverRead = ""
    text: HarText = UNSET
    params: HarPairs | UnsetType = UNSET
    encoding: HarText = UNSET
    odd_encoding: HarText = field(name="_encoding", default=UNSET)
    """Of a request, for which HAR has none."""

    @property
    def data(self) -> bytes:
        """The bytes; ValueError says what is wrong with them."""
        if not isinstance(self.text, str):
            return urlencode([(each.name, each.value) for each in self.params or ()]).encode()
        coding = (self.encoding or self.odd_encoding or "").lower()
        if coding in ("", "utf-8", "text"):
            return self.text.encode("utf-8", "surrogatepass")
        if coding != "base64":
            raise ValueError(f"the encoding {coding!r} is unknown: HAR has base64, and texts without one.")
        try:
            return b64decode(self.text)
        except ValueError:
            raise ValueError("the text is no base64.") from None


def content_of(data: bytes, kind: str = "") -> HarContent:
    """A body of that type as a response has it; none has no text."""
    content = HarContent(mime_type=kind)
    try:
        content.text = data.decode() if data else UNSET
    except UnicodeDecodeError:
        content.text, content.encoding = b64encode(data).decode(), "base64"
    return content


class _HarMessage(Struct, kw_only=True, rename="camel", gc=False):
    http_version: NeverRead = "HTTP/1.1"
    cookies: HarPairs = []
    headers: HarPairs = []
    headers_size: NeverRead = -1
    body_size: NeverRead = -1

    @property
    def fields(self) -> Headers:
        """The headers. Those of HTTP/2 that begin with a colon are none; some writers leave out those of cookies."""
        pairs = [(each.name.lower(), each.value) for each in self.headers or () if not each.name.startswith(":")]
        return (*pairs, *(("cookie", f"{each.name}={each.value}") for each in self.cookies or ()))


class HarRequest(_HarMessage, kw_only=True, rename="camel", gc=False):
    """A request."""

    method: str = ""
    url: str = ""
    query_string: NeverRead = []
    post_data: HarContent | UnsetType | None = UNSET


class HarResponse(_HarMessage, kw_only=True, gc=False):
    """A response; of status 0 where nothing came."""

    status: int = 0
    status_text: NeverRead = field(name="statusText", default="")
    content: HarContent | None = None
    redirect_url: NeverRead = field(name="redirectURL", default="")
    error: HarText = field(name="_error", default=UNSET)
    """How a call without an answer ended, which browsers say."""


class HarEntry(Struct, kw_only=True, gc=False):
    """A call."""

    started: str | None = field(name="startedDateTime", default=None)
    time: float | None = None
    request: HarRequest
    response: HarResponse
    cache: NeverRead = {}
    timings: NeverRead = {}
    connection: NeverRead = UNSET
    lab: NeverRead = field(name="_lab", default=UNSET)
    """Which lines of a recording these are, and what they say beyond HAR."""


class HarLog(Struct, kw_only=True):
    """What a file holds under `log`."""

    version: NeverRead = "1.2"
    creator: NeverRead = {}
    lab: NeverRead = field(name="_lab", default=UNSET)
    """Of a recording its header, its state and all facts."""
    entries: list[HarEntry]
