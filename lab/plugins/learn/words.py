"""How foreign APIs call things: tables of names and words, from which is guessed what nobody has said.

Names and words are compared without case, `_`, `-` and blanks. A guess is never silent: the scenario says so.
"""

import re
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from msgspec import Struct

from lab.core.errors import UsageError
from lab.core.exchange import Json, text_of
from lab.language.document import Status

JsonPath: TypeAlias = tuple[str | int, ...]

_MEANINGS = {
    Status.RUNNING: """queued pending running inprogress processing started starting created submitted accepted notstarted
        validating finalizing cancelling canceling terminating active preparing initializing scheduled enqueued open waitingtorun
        uploadcomplete planning planqueued applying applyqueued blocked requested working building false 0""",
    Status.WAITING: """requiresaction waiting actionrequired paused onhold needsapproval awaitingapproval waitingforapproval
        waitingforinput inputrequired requiresinput requiresconfirmation planned policychecked manual""",
    Status.COMPLETE: """completed complete succeeded success successful done finished jobcomplete applied plannedandfinished
        terminated ended ready ok passed closed true 1""",
    Status.ERROR: """failed failure error errored canceled cancelled expired aborted incomplete timedout timeout internalerror
        rejected discarded stopped killed skipped startupfailure invalid""",
}  # fmt: skip
MEANING: Mapping[str, Status] = {word: status for status, words in _MEANINGS.items() for word in words.split()}
"""What a word means, of any API."""
_STATUS = (
    "status state phase lifecyclestate jobstatus jobstate runstatus done finished completed iscomplete complete".split()
)
"""YamlMembers that hold a status, the likeliest first; others that end in status or state come after them."""
_OUTCOME = "conclusion resultstate outcome result error errorresult errors failurereason failure".split()
"""YamlMembers beside it that say whether what has ended went well."""
_OUTPUT = "output outputs result results response answer artifacts value".split()
_RESULTS = ("result", "results", "output", "outputs", "response")
_TEXT = "message statusmessage statemessage progressmessage detail details statedetails progress statusdetails".split()
_ERROR = """errormessage error errorresult errors failurereason failure statechangereason statusmessage statemessage message
    detail statusreason reason conclusion resultstate outcome code""".split()
_ASK = "message prompt input question query text instructions content description".split()
_LONGEST_TEXT = 300
_DEEPEST = 6
_PATH_PART = re.compile(r"\.([A-Za-z_$][\w$-]*)|\[(\d{1,6})\]|\['([^'\]]+)'\]|\[\"([^\"\]]+)\"\]")


def plain_word(word: str) -> str:
    """A name or word as the tables have it."""
    return re.sub(r"[\s_-]", "", word).lower()


def parse_path(text: str) -> JsonPath:
    """`$.data.state` or `$.runs[0]['my state']`; UsageError for anything else."""
    whole = text if text.startswith("$") else f"$.{text}"
    parts = [*_PATH_PART.finditer(whole)]
    if not parts or "$" + "".join(part[0] for part in parts) != whole:
        raise UsageError(f"{text!r} is no path to a member.", hint="As in --status $.data.state, or $.runs[0].status.")
    return tuple(int(part[2]) if part[2] else part[1] or part[3] or part[4] for part in parts)


def path_to(path: JsonPath) -> str:
    """The same as text."""
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


def parse_words(texts: tuple[str, ...]) -> dict[str, Status]:
    """`RUNNING=queued,in_progress` as words and what each means; UsageError says what is wrong."""
    found: dict[str, Status] = {}
    for text in texts:
        name, equals, words = text.partition("=")
        listed = [word.strip() for word in words.split(",") if word.strip()]
        if not equals or name.strip() not in Status.__members__ or not listed:
            raise UsageError(
                f"{text!r} doesn't say what words mean.",
                hint=f"As in --words RUNNING=queued,in_progress; before = stands one of {', '.join(Status)}.",
            )
        for word in listed:
            if found.setdefault(word, Status(name.strip())) != name.strip():
                raise UsageError(f"{word!r} can't mean both {found[word]} and {name.strip()}.")
    return found


def at_path(value: Json, path: JsonPath) -> Json:
    """What stands there; None if nothing does."""
    for part in path:
        if isinstance(value, dict) and isinstance(part, str):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def members_within(value: Json, path: JsonPath = ()) -> Iterator[tuple[JsonPath, Json]]:
    """Every member, however deep, of objects; those above before those within."""
    if len(path) >= _DEEPEST:
        return
    if isinstance(value, dict):
        yield from (((*path, name), part) for name, part in value.items())
        for name, part in value.items():
            yield from members_within(part, (*path, name))
    elif isinstance(value, list) and value:
        yield from members_within(value[0], (*path, 0))


class StatusMember(Struct, frozen=True):
    """Where the status stands in answers, and what its words mean."""

    path: JsonPath
    words: Mapping[str, Status]
    """What was said of them; the table has the rest."""
    guessed: bool = True
    """Whether the path is a guess."""
    boolean: bool = False
    """Whether it is true or false: then an answer without it says false."""

    def word(self, body: Json) -> str | None:
        """The status as it is written; None if there is none."""
        value = at_path(body, self.path)
        if isinstance(value, bool) or (self.boolean and value is None and isinstance(body, dict)):
            return "true" if value else "false"
        return str(value) if isinstance(value, str | int) else None

    def meaning(self, body: Json) -> Status | None:
        """What it means: what was said, else the table, and of an end what stands beside it."""
        word = self.word(body)
        if word is None:
            return None
        said = self.words.get(word)
        status = said or MEANING.get(plain_word(word))
        return Status.ERROR if said is None and status is Status.COMPLETE and self._failed(body) else status

    def _failed(self, body: Json) -> bool:
        for name, value in self.around(body, _OUTCOME):
            if isinstance(value, str) and MEANING.get(plain_word(value)) is Status.ERROR:
                return True
            if plain_word(name).startswith(("error", "fail")) and value not in (None, "", [], {}, False, 0):
                return True
        return False

    def around(self, body: Json, names: list[str]) -> list[tuple[str, Json]]:
        """The members of these names, beside the status first, then above it, in the order of `names`."""
        found: list[tuple[str, Json]] = []
        for length in range(len(self.path) - 1, -1, -1):
            beside = at_path(body, self.path[:length])
            members = (
                {plain_word(name): (name, part) for name, part in beside.items()} if isinstance(beside, dict) else {}
            )
            mine = plain_word(str(self.path[length]))
            found += [members[name] for name in names if name in members and name != mine]
        return found

    def output(self, body: Json) -> Json:
        """What looks like a job's output; None: nothing does."""
        inside = set(map(str, self.path))
        values = (value for name, value in self.around(body, _OUTPUT) if name not in inside)
        found = next((value for value in values if value not in (None, "", [], {}) and not self._is_word(value)), None)
        return found if found is not None else self._called_result(body)

    def _called_result(self, body: Json) -> Json:
        """The value of a member whose name only ends like that of an output."""
        beside = at_path(body, self.path[:-1])
        members = beside.items() if isinstance(beside, dict) else ()
        ends = (
            value for name, value in members if plain_word(name).endswith(_RESULTS) and "err" not in plain_word(name)
        )
        return next((value for value in ends if isinstance(value, dict | list) and value), None)

    def _is_word(self, value: Json) -> bool:
        return isinstance(value, bool) or (isinstance(value, str) and plain_word(value) in MEANING)

    def text(self, body: Json) -> str | None:
        """What an answer says of the job's progress."""
        texts = (_message(value) for _, value in self.around(body, _TEXT))
        return next((text for text in texts if 0 < len(text) <= _LONGEST_TEXT), None)

    def error(self, body: Json) -> str:
        """What an answer says of the job's failure; the status itself if nothing else."""
        texts = (_said(value) for _, value in self.around(body, _ERROR))
        return next(filter(None, texts), self.word(body) or "")


def _message(value: Json) -> str:
    """A text, or the one in an object of progress; empty: there is none."""
    members = {plain_word(name): part for name, part in value.items()} if isinstance(value, dict) else {}
    texts = (value, *(members.get(name) for name in _TEXT))
    return next((text for text in texts if isinstance(text, str)), "")


def _said(value: Json) -> str:
    """The sentence in an error, as deep as it stands."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return _said(value[0]) if value else ""
    if isinstance(value, dict):
        members = {plain_word(name): part for name, part in value.items()}
        return next((text for name in _ERROR if (text := _said(members.get(name)))), text_of(value) if value else "")
    return ""


def status_member(bodies: list[Json], words: Mapping[str, Status]) -> StatusMember | None:
    """The likeliest member of polls' answers; None: none looks like a status."""
    paths: dict[JsonPath, list[Json]] = {}
    for body in bodies:
        for path, value in members_within(body):
            if _rank(path[-1]) is not None and isinstance(value, str | bool):
                paths.setdefault(path, []).append(value)
    found = [path for path, values in paths.items() if any(_known(value, words) for value in values)]
    if not found:
        return None

    def likely(path: JsonPath) -> tuple[bool, bool, int, int]:
        values = paths[path]
        all_known = all(_known(value, words) for value in values)
        return not all_known, len(set(map(str, values))) == 1, _rank(path[-1]) or 0, len(path)

    best = min(found, key=likely)
    return StatusMember(best, words, boolean=isinstance(paths[best][0], bool))


def _rank(name: str | int) -> int | None:
    small = plain_word(str(name))
    if small in _STATUS:
        return _STATUS.index(small)
    return len(_STATUS) if small.endswith(("status", "state")) else None


def _known(value: Json, words: Mapping[str, Status]) -> bool:
    word = str(value).lower() if isinstance(value, bool) else str(value)
    return word in words or plain_word(word) in MEANING


def wish_in(body: Json) -> str | None:
    """The text that a request asks something with; None: there is none."""
    if isinstance(body, str):
        return body if body.strip() else None
    if isinstance(body, list):
        return wish_in(body[-1]) if body else None
    if not isinstance(body, dict):
        return None
    members = {plain_word(name): part for name, part in body.items()}
    wishes = (wish_in(members[name]) for name in (*_ASK, "messages") if name in members)
    return next((wish for wish in wishes if wish), None)
