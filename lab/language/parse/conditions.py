"""Conditions that only look something up which is neither true nor false: in each job, or in that of the own message."""

from msgspec import Struct

from lab.core.exchange import Json
from lab.language.document import form_of_datum
from lab.language.parse.complaints import Complaints, KeyPath
from lab.language.parse.template_names import Names, check_text
from lab.language.parse.yaml_tree import list_of, mapping_of
from lab.language.templates import TemplateError, condition

_TEXTS = {"client": ("id",), "user": ("name", "display"), "job": ("id",), "conversation": ("id",)}
"""What is a text in each job."""
_OF_A_STEP = {"decisions": ("verdict", "by", "comment"), "delegates": ("output",)}
"""What is a text of each gate, or delegate."""


class _Kind(Struct, frozen=True):
    """What a value is, and a condition that asks for it; `{}` is what looks it up."""

    what: str
    ask: str


_NUMBER = _Kind("a number", "compare it, as {{{{ {0} > 500 }}}}")
_TEXT = _Kind("a text", "compare it, as {{{{ {0} == '…' }}}}; a number that comes as text: {{{{ {0} | int > 500 }}}}")
_LIST = _Kind("a list", "ask for an element, as {{{{ '…' in {0} }}}}, or {{{{ {0} | length > 0 }}}}")


def check_condition(path: KeyPath, text: str, names: Names, complaints: Complaints) -> None:
    """Complain about a text that is no condition, about names in it, and if it looks up what is no answer."""
    check_text(path, text, names, complaints, condition)
    try:
        looked_up = condition(text).path
    except TemplateError:
        return  # that was complained of
    kind = _kind(looked_up, names)
    if kind is not None:
        subject = text.strip().removeprefix("{{").removesuffix("}}").strip("-+ ")
        what = f"gives {kind.what}, and a condition gives true or false"
        complaints.add(path, what, kind.ask.format(subject))


def parameters_of(part: dict[str, Json]) -> dict[str, Json]:
    """The parameters that come with the own message of a scenario or a turn."""
    return mapping_of(mapping_of(part.get("ask")).get("parameters"))


def _kind(path: tuple[str, ...], names: Names) -> _Kind | None:
    """What a path leads to, if that is surely neither true nor false; else None."""
    match path:
        case ("parameters", name, *rest):
            return _kind_of_value(names.parameters.get(name), rest)
        case ("data", name, *rest):
            return _kind_of_datum((names.data or {}).get(name), rest)
        case ("match", name) if names.groups is not None and name in names.groups:
            return _TEXT
        case ("decisions" | "delegates" as root, _, field) if field in _OF_A_STEP[root]:
            return _TEXT
        case ("user", "roles"):
            return _LIST
        case ("turn",):
            return _NUMBER
        case ("message",):
            return _TEXT
        case (root, field) if field in _TEXTS.get(root, ()):
            return _TEXT
        case _:
            return None


def _kind_of_datum(datum: Json, rest: list[str]) -> _Kind | None:
    match form_of_datum(datum):
        case "constant":
            return _kind_of_value(datum, rest)
        case "between" if not rest:
            return _NUMBER
        case "list" if not rest:
            return _LIST
        case "one_of":
            kinds = {_kind_of_value(each, rest) for each in list_of(mapping_of(datum)["one_of"])}
            return kinds.pop() if len(kinds) == 1 else None
        case _:  # what Faker makes, and what is made of others, may be true or false
            return None


def _kind_of_value(value: Json, rest: list[str]) -> _Kind | None:
    """Of a value, or of what stands within it."""
    match value, rest:
        case bool(), _:
            return None
        case ((int() | float()), []):
            return _NUMBER
        case str(), []:
            return _TEXT
        case list(), []:
            return _LIST
        case dict(), [key, *further]:
            return _kind_of_value(value.get(key), further)
        case _:
            return None
