"""Before there is a document: bytes as text, and what to say when they are none."""

import re

from lab.core.errors import Complaint

LARGEST = 1024 * 1024
"""The largest scenario file, in bytes."""
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def one_line(text: str) -> str:
    """The text as a complaint may show it: printable, 300 characters at most."""
    shown = "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in text[:300])
    return shown + "…" if len(text) > 300 else shown


class Unreadable(Exception):
    """The text is no document at all; the one complaint stands alone."""

    def __init__(self, complaint: Complaint) -> None:
        super().__init__(str(complaint))
        self.complaint = complaint


def decoded(text: str | bytes, file: str) -> str:
    """The text, without a byte order mark; Unreadable if it is too large, not UTF-8, or holds control characters."""
    try:
        raw = text if isinstance(text, bytes) else text.encode()
    except UnicodeEncodeError as error:
        raise Unreadable(
            _at(file, error.object, error.start, "half a surrogate pair", "use the character itself")
        ) from error
    if len(raw) > LARGEST:
        raise Unreadable(Complaint(file, 1, 1, f"the file is larger than {LARGEST >> 20} MiB"))
    try:
        clean = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8-sig", "replace")
        raise Unreadable(_at(file, before, len(before), "the file is not UTF-8", "save it as UTF-8")) from error
    bad = _FORBIDDEN.search(clean)
    if bad:
        what = f"control character U+{ord(bad[0]):04X}"
        raise Unreadable(_at(file, clean, bad.start(), what, 'write it in double quotes as "\\u…", if it is meant'))
    return clean


def _at(file: str, text: str, index: int, what: str, hint: str) -> Complaint:
    line = text.count("\n", 0, index) + 1
    return Complaint(file, line, index - text.rfind("\n", 0, index), what, hint)


def hint_for(problem: str, character: str) -> str:
    """What to do about a syntax error; `character` is the one at its place."""
    if character == "\t" or "tab character" in problem:
        return "indent with blanks, not tabs"
    if "cannot start any token" in problem:
        return f"text that begins with {character} stands in quotes"
    if "mapping values are not allowed" in problem:
        return "text that holds a colon and a blank stands in quotes"
    if "could not find expected ':'" in problem:
        return "a key ends with a colon; text of several lines begins with |"
    if "block" in problem or "indentation" in problem:
        return "the keys of one mapping begin in the same column"
    return ""
