"""Generated data: drawn by name, recorded in JSON, given back to templates."""

import json
import os
import sys
from collections.abc import Iterable
from decimal import Decimal
from inspect import isroutine, signature
from random import random
from subprocess import run
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.core.errors import ScenarioError
from lab.core.exchange import Json
from lab.language import generators
from lab.language.generators import DENIED, LOCALE, PATTERNED, USUAL, NoValue, fake_length
from lab.language.parse import parse_scenario
from lab.language.parse.references import MOST_GENERATED
from lab.language.shape import member, parsed
from lab.language.values import generate, restore
from lab.program.draws import Datum, Fake, Number
from lab.program.scenario import Scenario
from tests.conftest import each_row, few_of


def data(**entries: object) -> dict[str, Datum]:
    return member(Scenario, "data", entries)


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


@each_row(
    ("bounds", "decimals", "steps"),
    [((18, 24), 2, (1800, 2400)), ((0.1, 0.3), 1, (1, 3)), ((0.05, 0.25), 1, (1, 2)), ((-1.5, 1.5), 0, (-1, 1))],
)
def test_bounds_are_counted_in_the_last_place(
    bounds: tuple[float, float], decimals: int, steps: tuple[int, int]
) -> None:
    assert Number(between=bounds, decimals=decimals).steps == steps


@each_row(
    ("entry", "why"),
    [
        ({"between": [3, 2]}, "the smaller number comes first"),
        ({"between": [0.2, 0.4]}, "no number with 0 decimals"),
        ({"between": [0, 1e16]}, "at most 10"),
        ({"list": {"list": {"between": [0, 1]}, "count": 1000}, "count": 1000}, "at most 10000 values"),
    ],
)
def test_an_entry_from_which_nothing_can_be_drawn_is_refused(entry: object, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        data(x=entry)


def refusal(provider: str, locale: str | None = None, arguments: dict[str, Json] | None = None) -> str:
    """The key that a complaint points to, what it says and its hint; nothing if the entry makes values."""
    try:
        assert fake_length(provider, locale, arguments or {}) > 0
    except NoValue as error:
        return f"{error.key}: {error}; {error.hint}"
    return ""


@pytest.mark.parametrize(
    ("provider", "locale", "arguments"),
    [
        ("company", None, {}),
        ("name", "it_IT", {}),
        ("sentence", None, {"nb_words": 4}),
        ("random_int", None, {"min": 1_000_000, "max": 9_000_000}),
        ("random_element", None, {"elements": [*"abcdefghijkl"]}),
        ("timezone", None, {}),
        ("latitude", None, {}),
        ("currency", None, {}),
        ("csv", None, {}),
        ("random_number", None, {"digits": 18, "fix_len": True}),
        ("pystr_format", None, {"string_format": "??-##"}),
    ],
)
def test_what_faker_can_make_is_accepted(provider: str, locale: str | None, arguments: dict[str, Json]) -> None:
    assert refusal(provider, locale, arguments) == ""
    fake = parsed(Fake, {"fake": provider, "locale": locale, **arguments})
    drawn = [generate({"it": fake}, seed, "a/1") for seed in (7, 7, 8)]
    assert json.loads(json.dumps(drawn[0])) == drawn[0] == drawn[1] != drawn[2]


ELSE = "take another provider, write a constant, or list values in one_of"
TODAY = "write a constant, or take the date from now, as {{ now[:10] }}"


@pytest.mark.parametrize(
    ("provider", "locale", "arguments", "complaint"),
    [
        ("compny", None, {}, "fake: Faker has no provider compny; did you mean company?"),
        ("full_name", None, {}, "fake: Faker has no provider full_name; did you mean name?"),
        ("seed_instance", None, {}, "fake: Faker has no provider seed_instance; "),
        ("random", None, {}, "fake: Faker has no provider random; "),
        ("providers", None, {}, "fake: Faker has no provider providers; "),
        ("__class__", None, {}, "fake: Faker has no provider __class__; usual ones: address, "),
        ("name", "de_DX", {}, "locale: Faker has no locale de_DX; did you mean de_DE?"),
        ("sentence", None, {"nbwords": 4}, "nbwords: sentence has no argument nbwords; did you mean nb_words?"),
        ("word", None, {"locales": "de_DE"}, "locales: word has no argument locales; did you mean locale?"),
        (
            "sentence",
            None,
            {"nb_words": "four"},
            "nb_words: sentence doesn't take nb_words: \"four\": '<=' not supported ",
        ),
        ("sentence", None, {"nb_words": 10**9}, "nb_words: sentence: nb_words is 10000 at most; take a smaller number"),
        ("sentence", None, {"nb_words": -(10**9)}, "nb_words: sentence: nb_words is 10000 at most; "),
        ("random_number", None, {"digits": 99_999}, "digits: random_number: digits is 10000 at most; "),
        (
            "random_number",
            None,
            {"digits": 999},
            "fake: random_number makes what can't be recorded: A number has more ",
        ),
        (
            "uri",
            None,
            {"schemes": 7},
            "schemes: uri doesn't take schemes: 7: 'int' object is not iterable; Faker has sche",
        ),
        ("pyfloat", None, {"max_value": 1e300}, "max_value: pyfloat: max_value is 1000000000000000 at most; "),
        ("numerify", None, {"text": "#" * 1_000_000}, "text: numerify doesn't take text: "),
        ("numerify", None, {"text": 5}, "text: numerify doesn't take text: 5: "),
        (
            "pystr_format",
            None,
            {"string_format": "{{date_time}}"},
            "string_format: pystr_format: string_format takes no {{",
        ),
        ("csv", None, {"data_columns": ["{{date_time}}"]}, "data_columns: csv: data_columns takes no {{…}}; draw each"),
        (
            "uuid4",
            None,
            {"cast_to": "str"},
            "cast_to: uuid4 doesn't take cast_to: \"str\": 'str' object is not callable; ",
        ),
        ("uuid4", None, {"cast_to": None}, f"fake: uuid4 makes what can't be recorded: UUID is no JSON; {ELSE}"),
        ("md5", None, {"raw_output": True}, f"fake: md5 makes what can't be recorded: bytes is no JSON; {ELSE}"),
        ("random_int", None, {"min": 5, "max": 1}, "min: random_int doesn't take min: 5, max: 1: empty range "),
        ("time_series", None, {}, f"fake: time_series makes what can't be recorded: generator is no JSON; {ELSE}"),
        ("date_time", None, {}, f"fake: date_time counts from today's date; {TODAY}"),
        ("date_this_year", None, {}, "fake: date_this_year counts from today's date; "),
        ("credit_card_full", None, {}, "fake: credit_card_full counts from today's date; "),
        ("profile", None, {}, "fake: profile counts from today's date; "),
        ("ssn", "de_AT", {}, "fake: ssn counts from today's date; "),
        ("user_name", "ru_RU", {}, "fake: user_name counts from today's date; "),
        ("city", "it_IT", {}, f"fake: city in it_IT makes what is no JSON, or isn't the same in each run; {ELSE}"),
        ("binary", None, {}, f"fake: binary in en_US makes what is no JSON, or isn't the same in each run; {ELSE}"),
    ],
)
def test_what_faker_cannot_make_is_a_complaint(
    provider: str, locale: str | None, arguments: dict[str, Json], complaint: str
) -> None:
    assert refusal(provider, locale, arguments).startswith(complaint)


def test_a_complaint_stands_where_the_wrong_word_does() -> None:
    text = "lab: 1\nname: a\ntitle: A\nagent: {code: A}\nask: pay\nsteps: [{complete: c, output: C}]\ndata:\n"
    entry = "  what:\n    list:\n      fake: sentence\n      nb_words: four\n    count: 2\n"
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(text + entry + "  who: {fake: name, locale: de_DX}\n", "a.yaml")
    assert [str(each).partition("; Faker has")[0][:60] for each in caught.value.complaints] == [
        "a.yaml:11:17: data.what.list.nb_words: sentence doesn't take",
        "a.yaml:13:29: data.who.locale: Faker has no locale de_DX; di",
    ]


def test_what_differs_when_drawn_twice_is_a_complaint(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = generators._generator(LOCALE)
    for name, method in {"dice": lambda: random(), "six": lambda: 6, "never": lambda: float("nan")}.items():
        monkeypatch.setattr(generator, name, method, raising=False)
    assert refusal("six") == ""
    assert refusal("dice") == f"fake: dice in en_US isn't the same in each run; {ELSE}"
    assert refusal("never").startswith("fake: never makes what can't be recorded: ")


TOO_LONG = "nb: paragraphs doesn't take nb: 10000: a value takes too long to make; "


@pytest.mark.parametrize(
    ("provider", "arguments", "complaint"),
    [("slug", {}, ""), ("date_time", {}, "fake: date_time counts from"), ("paragraphs", {"nb": 10_000}, TOO_LONG)],
)
def test_a_trial_is_done_at_once_and_leaves_no_watch_behind(
    provider: str, arguments: dict[str, Json], complaint: str
) -> None:
    seen: list[str] = []

    def profile(_frame: object, event: str, _what: object) -> None:
        seen.append(event)

    before, began = sys.getprofile(), process_time()
    sys.setprofile(profile)
    try:
        said = refusal(provider, None, arguments)
        assert sys.getprofile() is profile
    finally:
        sys.setprofile(before)
    assert seen and said.startswith(complaint) and bool(said) is bool(complaint)
    assert process_time() - began < 4


@each_row("provider", sorted(USUAL))
def test_what_passes_without_a_look_at_faker_passes_with_one(provider: str) -> None:
    assert refusal(provider, LOCALE) == ""
    assert isinstance(generate({"it": Fake(fake=provider)}, 1, "a/1")["it"], str)


@pytest.mark.parametrize("provider", PATTERNED)
def test_a_pattern_passes_without_a_look_at_faker_too(provider: str) -> None:
    assert refusal(provider, LOCALE, {"text": "A-##??"}) == refusal(provider, None, {"text": "A-##??"}) == ""
    assert refusal(provider, None, {"txt": "A"}) != ""


def test_faker_is_loaded_when_a_value_is_drawn_and_not_before() -> None:
    program = """
import sys
from lab.program.draws import Fake
from lab.language.values import generate
from lab.language.generators import PATTERNED, USUAL, fake_length
for name in sorted(USUAL): fake_length(name, None, {})
for name in PATTERNED: fake_length(name, None, {"text": "##"})
print("faker" in sys.modules)
generate({"it": Fake(fake="name")}, 1, "a/1")
print("faker" in sys.modules)
"""
    done = run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


ANOTHER_DAY = """
import datetime, json, sys
REAL = datetime.date, datetime.datetime
class Real(type):
    def __instancecheck__(cls, it): return isinstance(it, REAL[issubclass(cls, REAL[1])])
class Date(REAL[0], metaclass=Real):
    @classmethod
    def today(cls): return REAL[0](2031, 3, 4)
class DateTime(REAL[1], metaclass=Real):
    @classmethod
    def now(cls, tz=None): return REAL[1](2031, 3, 4, 5, 6, tzinfo=tz)
    today = utcnow = now
datetime.date, datetime.datetime = Date, DateTime
from lab.program.draws import Fake
from lab.language.values import generate
print(json.dumps([
    [generate({"it": Fake(fake=name, locale=locale)}, seed, "a/1")["it"] for seed in range(8)]
    for name, locale in json.load(sys.stdin)
]))
"""


def differing(entries: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those of the entries that draw something else in another process on another day."""
    wanted = list(entries)
    program = [sys.executable, "-c", ANOTHER_DAY]
    hashed = {**os.environ, "PYTHONHASHSEED": "7"}
    done = run(program, input=json.dumps(wanted), capture_output=True, text=True, env=hashed, check=True)
    there = json.loads(done.stdout)
    here = [
        [generate({"it": Fake(fake=name, locale=locale)}, seed, "a/1")["it"] for seed in range(8)]
        for name, locale in wanted
    ]
    return [
        entry for entry, one, other in zip(wanted, here, there, strict=True) if one != json.loads(json.dumps(other))
    ]


def providers(locale: str) -> list[str]:
    return sorted(name for name, member in vars(generators._generator(locale)).items() if isroutine(member))


def test_what_is_taken_is_drawn_equal_in_another_process_on_another_day() -> None:
    assert differing((name, LOCALE) for name in ("company", "email", "csv", "latitude", "timezone", "user_agent")) == []
    for refused in ("date", LOCALE), ("city", "it_IT"):
        assert refusal(*refused) != "" and differing([refused]) == [refused]


@pytest.mark.long
@pytest.mark.parametrize("locale", [LOCALE, "it_IT", "ru_RU"])
def test_whatever_provider_is_taken_is_drawn_equal_in_another_process_on_another_day(locale: str) -> None:
    taken = [(name, locale) for name in providers(locale) if refusal(name, locale) == ""]
    assert len(taken) > 200
    assert differing(taken) == []


def test_what_is_denied_is_in_faker() -> None:
    entries = [(name, locale or LOCALE) for name, _, locale in (each.partition(" ") for each in DENIED)]
    assert [entry for entry in entries if entry[0] not in providers(entry[1])] == []


@pytest.mark.parametrize(
    "provider",
    few_of(
        ["paragraphs", "texts", "sentence", "text", "words", "pystr", "random_choices", "file_path", "uri"],
        ("pystr", "file_path"),  # of paragraphs a trial tells that leaves no watch behind
    ),
)
def test_what_has_every_number_at_its_largest_is_done_at_once(provider: str) -> None:
    names = signature(getattr(generators._generator(LOCALE), provider)).parameters.values()
    largest: dict[str, Json] = {each.name: 10_000 for each in names if type(each.default) is int}
    began = process_time()
    said = refusal(provider, None, largest)
    assert said == "" or "takes too long" in said
    assert process_time() - began < 4


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
