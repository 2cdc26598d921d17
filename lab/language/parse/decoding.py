"""Before there is a document: bytes as text, and what to say when they are none."""

import re

from lab.core.errors import Complaint, ScenarioError
from lab.language.complaints import LARGEST_FILE

_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def decoded(text: str | bytes, file: str) -> str:
    """The text, without a byte order mark; ScenarioError if it is too large, not UTF-8, or holds control characters."""
    try:
        raw = text if isinstance(text, bytes) else text.encode()
    except UnicodeEncodeError as error:
        raise _alone(file, error.object, error.start, "half a surrogate pair", "use the character itself") from error
    if len(raw) > LARGEST_FILE:
        raise _alone(file, "", 0, f"the file is larger than {LARGEST_FILE >> 20} MiB")
    try:
        clean = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8-sig", "replace")
        raise _alone(file, before, len(before), "the file is not UTF-8", "save it as UTF-8") from error
    bad = _FORBIDDEN.search(clean)
    if bad:
        what = f"control character U+{ord(bad[0]):04X}"
        raise _alone(file, clean, bad.start(), what, 'write it in double quotes as "\\u…", if it is meant')
    return clean


def _alone(file: str, text: str, index: int, what: str, hint: str = "") -> ScenarioError:
    line, column = text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)
    return ScenarioError((Complaint(file, line, column, what, hint),))
