"""The filters and tests of templates, and what people call them elsewhere."""

from lab.program.words import nearest

FILTERS = frozenset({
    "abs", "capitalize", "count", "default", "d", "dictsort", "escape", "e", "first", "float", "groupby",
    "int", "items", "join", "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr",
    "replace", "reverse", "round", "safe", "select", "selectattr", "sort", "string", "striptags", "sum",
    "title", "tojson", "trim", "truncate", "unique", "upper", "urlencode", "wordcount",
})  # fmt: skip
"""The filters that a template may use: none pads, repeats, fetches attributes or draws."""

TESTS = frozenset({
    "boolean", "defined", "divisibleby", "eq", "equalto", "even", "false", "float", "ge", "gt", "integer",
    "iterable", "le", "lower", "lt", "mapping", "ne", "none", "number", "odd", "sequence", "string", "true",
    "undefined", "upper",
})  # fmt: skip
"""The tests that a template may use after `is`."""

_FILTERS_BY_WORD = {
    **dict.fromkeys(("len", "size"), "length"),
    **dict.fromkeys(("str", "text"), "string"),
    **dict.fromkeys(("uppercase", "toupper", "touppercase"), "upper"),
    **dict.fromkeys(("lowercase", "tolower", "tolowercase"), "lower"),
    **dict.fromkeys(("json", "dumps", "stringify"), "tojson"),
    "strip": "trim",
    "number": "float",
    "tofixed": "round",
    "format": "round(2)",
    "substring": "truncate",
}
"""What people call filters elsewhere."""
_TESTS_BY_WORD = {
    **dict.fromkeys(("==", "sameas"), "eq"),
    "!=": "ne",
    **dict.fromkeys((">", "greaterthan"), "gt"),
    ">=": "ge",
    **dict.fromkeys(("<", "lessthan"), "lt"),
    "<=": "le",
    "null": "none",
    "bool": "boolean",
    "int": "integer",
    **dict.fromkeys(("str", "text"), "string"),
}
_WITHOUT_TEST = {
    "in": "ask without a test, as {{ x in [1, 2] }}; of a list, {% for x in xs if x in [1, 2] %}",
}
"""What does as much where there is no such test."""


def filter_near(word: str) -> str:
    """The filter that somebody means by a word; empty where none is near."""
    plain = word.lower().replace("_", "")
    return plain if plain in FILTERS else _FILTERS_BY_WORD.get(plain, "")


def hint_of_filter(word: str) -> str:
    """What to write in the place of a filter that there isn't."""
    return _hint("filter", word, filter_near(word), FILTERS)


def hint_of_test(word: str) -> str:
    """What to write in the place of a test that there isn't."""
    plain = word.lower().replace("_", "").removeprefix("is")
    near = plain if plain in TESTS else _TESTS_BY_WORD.get(plain, "")
    return _WITHOUT_TEST.get(plain) or _hint("test", word, near, TESTS)


def _hint(kind: str, word: str, meant: str, known: frozenset[str]) -> str:
    listed = f"{kind}s: {' '.join(sorted(known))}"
    near = f"did you mean {meant}?" if meant else nearest(word, known)
    return f"{near} {listed}" if near else listed
