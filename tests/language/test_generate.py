"""Generated data: drawn by name, recorded in JSON, given back to templates."""

import json
import os
from decimal import Decimal
from inspect import signature
from subprocess import PIPE, Popen
from sys import executable
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from lab.core.errors import ScenarioError
from lab.core.exchange import Json
from lab.language.document import Datum, Fake, Number
from lab.language.generate import LOCALE, MOST_GENERATED, PATTERNED, USUAL, check_fake, fake_length, generate
from lab.language.generators import ARGUMENTS, GENERATORS, SPECIAL, UNSTEADY, Whole
from lab.language.parse import parse_scenario
from lab.language.values import restore

_DATA: TypeAdapter[dict[str, Datum]] = TypeAdapter(dict[str, Datum])


def data(**entries: object) -> dict[str, Datum]:
    return _DATA.validate_python(entries)


EVERYTHING = data(
    supplier={"fake": "company"},
    buyer={"fake": "name", "locale": "de_DE"},
    order={"fake": "numerify", "text": "PO-####"},
    price={"between": [18, 24], "decimals": 2},
    stock={"between": [20, 60]},
    category={"one_of": ["Pumps", {"deep": [1]}, None]},
    prices={"list": {"between": [1, 2], "decimals": 1}, "count": 3},
    grid={"list": {"list": {"between": [0, 9]}, "count": 2}, "count": 2},
    empty={"list": {"fake": "name"}, "count": 0},
    limit=8,
    address={"city": "Rome"},
    nothing=None,
)


def test_what_is_drawn_is_json_without_the_constants() -> None:
    drawn = generate(EVERYTHING, 42, "item-comparison/1")
    assert json.loads(json.dumps(drawn)) == drawn
    assert set(EVERYTHING) - set(drawn) == {"limit", "address", "nothing"}
    assert isinstance(drawn["price"], str)
    assert isinstance(drawn["stock"], int)
    assert drawn["empty"] == []


def test_two_draws_are_pinned_for_a_change_would_break_every_recording() -> None:
    entries = data(price={"between": [18, 24], "decimals": 2}, stock={"between": [20, 60]})
    assert generate(entries, 42, "item-comparison/1") == {"price": "21.53", "stock": 47}


def test_a_value_depends_on_its_name_alone() -> None:
    whole = generate(EVERYTHING, 42, "a/1")
    for name, datum in EVERYTHING.items():
        alone = generate({name: datum}, 42, "a/1")
        assert alone.get(name) == whole.get(name)


@pytest.mark.parametrize(("seed", "prefix"), [(43, "a/1"), (42, "a/2"), (42, "b/1")])
def test_another_seed_ordinal_or_scenario_draws_others(seed: int, prefix: str) -> None:
    assert generate(EVERYTHING, 42, "a/1") != generate(EVERYTHING, seed, prefix)


def test_the_elements_of_a_list_are_drawn_each_on_its_own() -> None:
    short = generate(data(names={"list": {"fake": "name"}, "count": 3}), 1, "a/1")["names"]
    long = generate(data(names={"list": {"fake": "name"}, "count": 5}), 1, "a/1")["names"]
    assert isinstance(short, list)
    assert isinstance(long, list)
    assert long[:3] == short
    assert len(set(map(str, long))) == 5


def test_templates_see_decimals_lists_and_constants() -> None:
    drawn = generate(EVERYTHING, 42, "a/1")
    restored = restore(EVERYTHING, drawn, 42, "a/1")
    assert list(restored) == list(EVERYTHING)
    assert restored["price"] == Decimal(str(drawn["price"]))
    assert isinstance(restored["prices"], list)
    assert all(isinstance(price, Decimal) for price in restored["prices"])
    assert restored["address"] == {"city": "Rome"}
    assert restored["nothing"] is None
    assert restored["supplier"] == drawn["supplier"]


def test_what_was_recorded_wins() -> None:
    entries = data(price={"between": [18, 24], "decimals": 2})
    assert restore(entries, {"price": "99.90"}, 42, "a/1") == {"price": Decimal("99.90")}


@given(st.integers(0, 2**63 - 1), st.integers(-1000, 1000), st.integers(0, 1000), st.integers(0, 9))
def test_a_number_lies_between_its_bounds_with_its_places(seed: int, low: int, width: int, decimals: int) -> None:
    entries = data(n={"between": [low, low + width], "decimals": decimals})
    drawn = generate(entries, seed, "a/1")["n"]
    assert low <= Decimal(str(drawn)) <= low + width
    assert isinstance(drawn, str) is (decimals > 0)
    if isinstance(drawn, str) and "E" not in drawn:
        assert len(drawn.partition(".")[2]) == decimals


@pytest.mark.parametrize(
    ("bounds", "decimals", "steps"),
    [((18, 24), 2, (1800, 2400)), ((0.1, 0.3), 1, (1, 3)), ((0.05, 0.25), 1, (1, 2)), ((-1.5, 1.5), 0, (-1, 1))],
)
def test_bounds_are_counted_in_the_last_place(
    bounds: tuple[float, float], decimals: int, steps: tuple[int, int]
) -> None:
    assert Number(between=bounds, decimals=decimals).steps == steps


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"between": [3, 2]}, "the smaller number comes first"),
        ({"between": [0.2, 0.4]}, "no number with 0 decimals"),
        ({"between": [0, 1e16]}, "at most 10"),
        ({"list": {"list": {"between": [0, 1]}, "count": 1000}, "count": 1000}, "at most 10000 values"),
    ],
)
def test_an_entry_from_which_nothing_can_be_drawn_is_refused(entry: object, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        data(x=entry)


@pytest.mark.parametrize(
    ("provider", "locale", "arguments"),
    [
        ("company", None, {}),
        ("name", "it_IT", {}),
        ("sentence", None, {"nb_words": 4}),
        ("random_int", None, {"min": 1_000_000, "max": 9_000_000}),
        ("timezone", None, {}),
    ],
)
def test_what_faker_can_make_is_accepted(provider: str, locale: str | None, arguments: dict[str, int]) -> None:
    assert check_fake(provider, locale, arguments) is None


@pytest.mark.parametrize(
    ("provider", "locale", "arguments", "complaint"),
    [
        ("compny", None, {}, "Faker has no provider compny; did you mean company?"),
        ("seed_instance", None, {}, "Faker has no provider seed_instance"),
        ("random", None, {}, "Faker has no provider random"),
        ("__class__", None, {}, "Faker has no provider __class__"),
        ("name", "de_DX", {}, "Faker has no locale de_DX; did you mean de_DE?"),
        ("sentence", None, {"nbwords": 4}, "sentence has no argument nbwords; did you mean nb_words?"),
        ("sentence", None, {"nb_words": "four"}, "sentence: nb_words is a whole number from 0 to 1000"),
        ("sentence", None, {"nb_words": 10**9}, "sentence: nb_words is a whole number from 0 to 1000"),
        ("pystr", None, {"max_chars": 10**9}, "pystr: max_chars is a whole number from 0 to 10000"),
        ("random_number", None, {"digits": 10_000}, "random_number: digits is a whole number from 1 to 18"),
        ("random_number", None, {"fix_len": "yes"}, "random_number: fix_len is true or false"),
        ("file_path", None, {"depth": 3_000_000}, "file_path: depth is a whole number from 0 to 10"),
        ("uri", None, {"deep": 3_000_000}, "uri: deep is a whole number from 1 to 10"),
        ("uri", None, {"schemes": "http"}, "uri: schemes is a list"),
        ("pyfloat", None, {"max_value": 1e300}, "pyfloat: max_value is a number, 10^15 at most"),
        ("numerify", None, {"text": "#" * 1001}, "numerify: text has 1000 at most"),
        ("pystr_format", None, {"string_format": "{{date_time}}"}, "pystr_format: string_format takes no {{…}}; draw"),
        ("pystr_format", None, {"string_format": "{{__class__}}"}, "pystr_format: string_format takes no {{…}}; draw"),
        ("json", None, {"indent": 10**9}, "json is no generator of the lab: "),
        ("csv", None, {}, "csv is no generator of the lab: "),
        ("uuid4", None, {"cast_to": "str"}, "uuid4 has no argument cast_to"),
        ("random_int", None, {"min": 5, "max": 1}, "random_int doesn't take these arguments: "),
        (
            "city",
            "it_IT",
            {},
            "city in it_IT isn't the same in each run; take another locale, or list values in one_of",
        ),
        ("date_time", None, {}, "date_time counts from today's date; write a constant"),
        ("date_this_year", None, {}, "date_this_year counts from today's date"),
        ("credit_card_full", None, {}, "credit_card_full is no generator of the lab: it isn't the same in each run"),
        ("binary", None, {}, "binary is no generator of the lab: "),
    ],
)
def test_what_faker_cannot_make_is_a_complaint(
    provider: str, locale: str | None, arguments: dict[str, str | int], complaint: str
) -> None:
    assert str(check_fake(provider, locale, arguments)).startswith(complaint)


@pytest.mark.parametrize("provider", sorted(USUAL))
def test_what_passes_without_a_look_at_faker_passes_with_one(provider: str) -> None:
    assert check_fake(provider, LOCALE, {}) is None
    assert isinstance(generate({"it": Fake(fake=provider)}, 1, "a/1")["it"], str)


@pytest.mark.parametrize("provider", PATTERNED)
def test_a_pattern_passes_without_a_look_at_faker_too(provider: str) -> None:
    assert check_fake(provider, LOCALE, {"text": "A-##??"}) is check_fake(provider, None, {"text": "A-##??"}) is None
    assert check_fake(provider, None, {"txt": "A"}) is not None


EACH_GENERATOR = """
import datetime, json, sys
day = datetime.timedelta(days=int(sys.argv[1]))
REAL = datetime.date, datetime.datetime
class Real(type):
    def __instancecheck__(cls, it): return isinstance(it, REAL[issubclass(cls, REAL[1])])
class Date(REAL[0], metaclass=Real):
    @classmethod
    def today(cls): return REAL[0](2026, 3, 4) + day
class DateTime(REAL[1], metaclass=Real):
    @classmethod
    def now(cls, tz=None): return REAL[1](2026, 3, 4, 5, 6, tzinfo=tz) + day
    today = utcnow = now
datetime.date, datetime.datetime = Date, DateTime
from lab.language.document import Fake
from lab.language.generate import _providers, generate
from lab.language.generators import GENERATORS, UNSTEADY
found = {}
for locale in ("en_US", "it_IT"):
    for name in sorted(GENERATORS):
        if name in _providers(locale) and locale not in UNSTEADY.get(name, ()):
            try:
                drawn = [generate({"it": Fake(fake=name, locale=locale)}, seed, "a/1")["it"] for seed in range(2)]
            except Exception:
                continue  # of no use in this locale
            found[f"{name} {locale}"] = drawn
print(json.dumps(found))
"""


@pytest.mark.long
def test_what_is_listed_is_the_same_on_another_day_in_another_process_and_short() -> None:
    runs = [
        Popen(
            [executable, "-c", EACH_GENERATOR, day], stdout=PIPE, text=True, env={**os.environ, "PYTHONHASHSEED": day}
        )
        for day in ("0", "777")
    ]
    one, other = (json.loads(each.communicate()[0]) for each in runs)
    assert len(one) > 350
    assert {name for name in one if one[name] != other[name]} == set()
    assert {name for name, drawn in one.items() if max(map(len, map(json.dumps, drawn))) > 2000} == set()


def test_the_tables_name_what_there_is() -> None:
    assert set(UNSTEADY) <= GENERATORS
    assert {provider for provider, _ in SPECIAL} <= GENERATORS
    assert USUAL | set(PATTERNED) <= GENERATORS


@pytest.mark.parametrize(
    "provider", ["paragraphs", "texts", "sentence", "text", "words", "pystr", "random_choices", "file_path", "uri"]
)
def test_what_has_every_argument_at_its_largest_is_done_at_once(provider: str) -> None:
    from faker import Faker

    names = signature(getattr(Faker(), provider)).parameters
    largest: dict[str, Json] = {name: bound.high for name in names if isinstance(bound := ARGUMENTS.get(name), Whole)}
    assert check_fake("name", LOCALE, {}) is None  # Faker is loaded
    began = perf_counter()
    assert check_fake(provider, None, largest) is None
    assert perf_counter() - began < 2


def test_all_that_is_generated_for_a_job_is_counted_together() -> None:
    text = "lab: 1\nname: a\ntitle: A\nagent: {code: A}\nask: pay\nsteps: [{complete: c, output: C}]\ndata:\n"
    entry = "  %s: {list: {fake: text, max_nb_chars: 10000, locale: en_US}, count: 40}\n"
    each = fake_length("text", "en_US", {"max_nb_chars": 10_000}) * 40
    assert each < MOST_GENERATED < 2 * each
    parse_scenario(text + entry % "one", "a.yaml")
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text + entry % "one" + entry % "two", "a.yaml")
    (complaint,) = caught.value.complaints
    assert str(complaint).endswith("500000 at most; draw fewer, or shorter ones")
