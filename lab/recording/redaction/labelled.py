"""What stands under the name of a secret in markup and in lines of YAML, replaced (recordings.md §5)."""

import re
from html import unescape

from lab.recording.redaction.hiding import Hiding
from lab.recording.redaction.loose_json import plain_text

_VALUE = re.compile(r"(\b(?i:value|content)\s*=\s*)(\"[^\"]*\"|'[^']*'|[^\s\"'<>]+)")
_LEADING = re.compile(r"[ \t]*(?:-[ \t]+)*(?:[\w.-]+:[ \t]+)?")
"""What stands before a value on a line of YAML."""
_INNER = re.compile(r"<!\[CDATA\[(?P<marked>[\s\S]*?)(?:\]\]>|\Z)|(?P<tag><[^<>]*>?)|(?P<plain>[^<]+)")
"""Marked text, tags, and text between them."""
_FLOW = re.compile(r"(?:[^\s{}\[\],:\"']|:(?!\s))++(?!\s*:)")
"""A value in a list or mapping on one line."""
_NOTHING = frozenset(("", "null", "~", "true", "false"))


def without_labelled(found: re.Match[str], hiding: Hiding) -> str:
    """What one of the patterns of `label_shapes` found, an alias in the secret's place."""
    match found.lastgroup:
        case "tag":
            return tag_without_secrets(found[0], hiding)
        case "inner":
            return hiding.flat(found["element"]) + inner_without_secrets(found["inner"], hiding)
        case "content":
            return hiding.flat(found["holder"]) + hiding.secrets.secret(unescape(found["content"]))
        case "below":
            return found["block"] + lines_without_secrets(found["below"], hiding)
        case "scalar":
            return found["line"] + scalar_without_secret(found["scalar"], hiding)
        case "worth":
            return found["attribute"] + _escaped(found["worth"], hiding)
        case "entered":
            worth = found["entered"].strip()
            return found["titled"] + (
                found["entered"].replace(worth, _escaped(worth, hiding), 1) if worth else found["entered"]
            )
        case "within":
            return found["entity"] + _escaped(found["within"], hiding)
        case "beside":
            return found["item"] + scalar_without_secret(found["beside"], hiding)
        case "sent" | "one" | "credential" as group:
            return found[0].removesuffix(found[group]) + hiding.secrets.secret(found[group])
        case _:
            return found[0]


def _escaped(worth: str, hiding: Hiding) -> str:
    """The alias of what is escaped for markup, or for a text in quotes."""
    alias = hiding.secrets.secret(unescape(worth))
    if "\\" in worth and (plain := plain_text(f'"{worth}"')) != worth and hiding.secrets.find(plain) is None:
        hiding.secrets.look_for(plain, alias)
    return alias


def tag_without_secrets(tag: str, hiding: Hiding) -> str:
    """A tag with an attribute that is called like a secret: its value has an alias."""
    parts: list[str] = []
    end = 0
    for found in _VALUE.finditer(tag):
        parts += hiding.flat(tag[end : found.start()]), found[1], _quoted(found[2], hiding)
        end = found.end()
    # without its end it is no tag, so it isn't taken for one again
    return "".join((*parts, hiding.flat(tag[end:-1]), tag[-1:] if end < len(tag) else ""))


def _quoted(value: str, hiding: Hiding) -> str:
    mark = value[0] if value[0] in "\"'" else ""
    worth = value.strip(mark) if mark else value
    return f"{mark}{hiding.secrets.secret(unescape(worth)) if worth else ''}{mark}"


def inner_without_secrets(inner: str, hiding: Hiding) -> str:
    """All text in an element: the tags in it stay, and of them whatever isn't a value."""

    def put(found: re.Match[str]) -> str:
        if found["tag"]:
            return tag_without_secrets(found[0], hiding)
        worth = (found["plain"] or found["marked"] or "").strip()
        plain = worth if found["marked"] else unescape(worth)
        return found[0].replace(worth, hiding.secrets.secret(plain), 1) if worth else found[0]

    return _INNER.sub(put, inner)


def lines_without_secrets(text: str, hiding: Hiding) -> str:
    """Lines beneath the name of a secret: of each the first name in it stays, and an alias stands for the rest."""
    return "".join(_line(line, hiding) for line in text.splitlines(keepends=True))


def _line(line: str, hiding: Hiding) -> str:
    found = _LEADING.match(line)
    begins, ends = found.end() if found else 0, len(line.rstrip())
    return line if begins >= ends else f"{line[:begins]}{scalar_without_secret(line[begins:ends], hiding)}{line[ends:]}"


def scalar_without_secret(value: str, hiding: Hiding) -> str:
    """The alias of what stands on a line of YAML, its quotes and a comma behind it apart."""
    if value[:1] in ("{", "["):
        return _FLOW.sub(lambda found: hiding.secrets.secret(found[0]) if found[0] not in _NOTHING else found[0], value)
    bare = value.rstrip(" \t,")
    mark = bare[0] if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "\"'" else ""
    plain = plain_text(bare) if mark == '"' else bare[1:-1] if mark else bare
    if plain in _NOTHING:
        return value
    return f"{mark}{hiding.secrets.secret(plain)}{mark}{value[len(bare) :]}"
