"""Where a text that is no JSON says by a name that a secret follows: markup, lines of YAML, pairs (recordings.md §5).

Each pattern here is one of `shapes`; `label_places` is what they can't do without, so that they are tried there alone.
"""

import re
from collections.abc import Iterator

from lab.recording.redaction.secret_names import CLUES, NAMES

_N = rf"(?i:{NAMES})"
_NAMING = r"\b(?i:name|id|key|property|http-equiv|field|itemprop|variable|ref)\s*=\s*"
_ATTRIBUTES = r"(?:\"[^\"<>]*\"|'[^'<>]*'|[^<>\"'])*+"
_HOLDERS = (
    r"(?:[\w-]+:)?(?i:entry|property|string|param|parameter|setting|item|field|attribute|variable|textarea|constant)"
)
_SCHEMES = r"(?i:bearer|basic|digest|negotiate|ntlm|token|apikey|dpop|hmac|gnap|mac|aws4-hmac-sha256)"
_LINE = r"(?:\A|(?<=[\r\n]))(?P<indent>[ \t]*)(?:-[ \t]+)*"
_BLOCK = r"(?:(?P=indent)(?:[ \t]+|-[ \t])[^\r\n]*+|[ \t]*+(?=\r?\n))"

_QUOTE = r"&(?:quot|\#34|\#x22);"
_VALUED = r"[ \t]*(?:\w*[vV]alue)"

MARKUP = (
    rf"(?P<titled><(?:[\w.-]+:)?(?i:name|key|th|td|dt)>\s{{0,64}}{_N}\s{{0,64}}</[\w.:-]{{1,64}}>\s{{0,64}}(?:<[\w.:-]{{1,64}}>\s{{0,64}}){{1,2}})(?P<entered>[^<]++)",
    rf"(?P<entity>(?<![\w.-]){_N}{_QUOTE}\s{{0,8}}:\s{{0,8}}{_QUOTE})(?P<within>(?:(?!{_QUOTE})[^<>\"\r\n])++)",
    rf"(?P<element><(?:[\w.-]+:)?{_N}(?:\s{_ATTRIBUTES})?(?<!/)>)(?P<inner>(?:[^<]|<(?!/?(?:[\w.-]+:)?{_N}))++)(?=</)",
    rf"(?P<holder><{_HOLDERS}\s(?=[^<>]*?{_NAMING}(?P<ask>[\"']?){_N}(?P=ask)[\s>]){_ATTRIBUTES}(?<!/)>)(?P<content>[^<]++)(?=<)",
    rf"(?P<tag><[A-Za-z][\w:.-]*\s(?=[^<>]*?{_NAMING}(?P<around>[\"']?){_N}(?P=around)[\s/>]){_ATTRIBUTES}>)",
)
"""An element called like a secret, one that is given such a name, a tag that has one among its attributes."""
YAML_LINES = (
    rf"(?P<item>{_LINE.replace('P<indent>', ':')}(?:name|key):[ \t]+(?P<about>[\"']?){_N}(?P=about)[ \t]*\r?\n{_VALUED}:[ \t]+)(?P<beside>[^\s][^\r\n]*+)",
    rf"(?P<block>{_LINE}(?P<q>[\"']?){_N}(?P=q)[ \t]*:[ \t]*(?:[|>][0-9+-]{{0,2}}[ \t]*)?\r?\n)(?P<below>{_BLOCK}(?:\r?\n{_BLOCK})*)",
    rf"(?P<line>(?:\A|(?<=[\r\n]))[ \t]*(?:-[ \t]+)*{_N}[ \t]*:[ \t]+)(?P<scalar>[^\s][^\r\n]*+)",
)
"""Of YAML: what stands on the lines below, or on the same one."""
ASSIGNED = (
    rf"(?P<attribute>(?<![\w.-]){_N}\]?[ \t]{{0,8}}[=:][ \t]{{0,8}}(?P<mark>\\?[\"'`]))(?P<worth>(?:(?!(?P=mark))[^\r\n])++)",
    rf"(?P<field>(?<![\w.-]){_N}\]?(?:=|[ \t]{{1,8}}=[ \t]{{0,8}}(?![=>~])|=[ \t]{{1,8}}(?![=>~])))(?P<plain>[^&\s\"'<>]+)",
)
COLONS = (
    rf"(?P<option>(?<=-H [\"']){_N}:[ \t]{{0,8}})(?P<sent>[^\r\n\"']++)",
    rf"(?P<colon>(?<![\w.-]){_N}:[ \t]{{1,4}})(?P<one>(?=[^\s\d]*\d)[^\s\"'`<>,;(){{}}\[\]]{{8,}})",
    r"(?P<word>(?<![\w-])Bearer[ ])(?P<credential>(?=[\w.~+/-]*\d)[\w.~+/-]{16,}=*)",
)
"""What is said to be a secret in a sentence, and a bearer in one."""
PAIRS = (
    rf'(?P<pair>"{_N}"\s*,\s*"(?i:\w*value)"\s*:\s*")(?P<second>(?:[^"\\]++|\\.)++)',
    rf'(?P<before>"(?i:value)"\s*:\s*")(?P<first>(?:[^"\\]++|\\.)++)(?="\s*,\s*"(?i:name|key)"\s*:\s*"{_N}")',
    rf"(?P<scheme>(?<![\w-])(?i:(?:proxy-)?authorization)[\"']?[ \t]{{0,8}}:[ \t]{{0,8}}[\"']?{_SCHEMES}[ \t]{{1,8}})(?P<shown>[^\s\"'<>,;\\]{{8,}})",
)
"""A name and a value in broken JSON, in either order, and a header in a text."""

_CLUED = rf"((?:{'|'.join(CLUES)})[\w.-]*+)"
_IN_TEXT = re.compile(rf"{_CLUED}(\]?[\"']?[ \t]*[=:]|\"|&|[\"']?[ \t]*\r?\n{_VALUED})".encode())
_IN_MARKUP = re.compile(rf"{_CLUED}(\]?[\"']?[ \t]*[=:]|[\"']?[ \t]*\r?\n{_VALUED}|[\"'></\s&])".encode())
"""A name, and behind it what tells that a secret follows."""
_CLUES = tuple(clue.encode() for clue in CLUES)
_LONG = 256
_NAME = re.compile(_N)
_FARTHEST = 1024
"""Characters between the beginning of a line, or of a tag, and the name in it."""


def label_places(text: str, small: bytes) -> list[int]:
    """Places at which one of the patterns may match, in order; `small` is the text in small letters of one byte."""
    if not ("=" in text or ":" in text or '"' in text or "<" in text):
        return []
    if len(small) > _LONG and not any(clue in small for clue in _CLUES):
        return []  # which is sooner seen, but in a short text
    places: set[int] = set()
    begun = 0
    for found in (_IN_MARKUP if "<" in text else _IN_TEXT).finditer(small):
        first = found.start()
        while first > begun and _in_name(text[first - 1]):
            first -= 1
        begun = found.end(1)
        if _NAME.fullmatch(text, first, begun):
            places.update(_around(text, small, first, found[2]))
    places.discard(-1)
    return sorted(places)


def _around(text: str, small: bytes, first: int, follows: bytes) -> Iterator[int]:
    """Where what names it can begin: the name, its quote, its tag, its line."""
    farthest = max(0, first - _FARTHEST)
    if b"=" in follows or b":" in follows or b"&" in follows:
        yield first
    if b":" in follows or b"value" in follows:
        line = max(text.rfind("\n", farthest, first), text.rfind("\r", farthest, first)) + 1
        yield line if line or not farthest else -1
    if text[first - 1 : first] == '"':
        yield first - 1
        yield small.rfind(b'"value"', farthest, first)
    yield text.rfind("<", farthest, first)


def _in_name(character: str) -> bool:
    return character.isalnum() or character in "_.-"
