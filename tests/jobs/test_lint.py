"""Warnings: what loads, and is probably not meant."""

import pytest

from lab.jobs.lint import lint
from lab.language.parse import parse_with_locations
from tests.conftest import each_row

HEAD = """\
lab: 1
name: a
title: A
agent: {code: A}
ask: hello
"""
GATE = "  - {gate: g, asks: May it?, patience: 10m, reviewer: {after: 5s, verdict: approved}}\n"


def warnings(steps: str, head: str = "") -> list[str]:
    scenario, locations = parse_with_locations(HEAD + head + "steps:\n" + steps, "a.yaml")
    return [str(complaint) for complaint in lint(scenario, "a.yaml", locations)]


END = "  - {complete: end, output: done}\n"
NAMED = (
    "  - {gate: g, asks: Q, patience: 9m, reviewer: nobody, verdicts: {timed-out: none}}\n"
    "  - {complete: end, output: 'By {{ decisions.g.votes[0].by }}.'}\n"
)
"""A gate behind which the time-out leads elsewhere, to a step that is to follow."""


@each_row(
    "steps",
    [
        END,
        "  - {work: w, takes: 1s}\n" + END,
        GATE + END,
        "  - {gate: g, asks: May it?, patience: 10m, reviewer: nobody}\n" + END,
        "  - {wait: w, takes: 1h, again: {to: w, rounds: 2}}\n" + END,
        "  - {complete: end, output: null}\n",
        "  - {complete: end, output: {json: {}}}\n",
        "  - {complete: end, output: {json: text}}\n",
        "  - {complete: end, output: {json: '12'}}\n",
        "  - {complete: end, output: {json: {payload: '{}'}}}\n",
        "  - {complete: end, output: '{\"a\": {{ turn }}}'}\n",
        GATE + "  - {complete: end, output: '{{ decisions.g.votes[0].by }}'}\n",
        "  - {complete: end, output: ''}\n",
        NAMED + "  - {complete: none, output: 'None: {{ decisions.g.comment }}'}\n",
        "  - {gate: g, asks: Q, patience: 9m, reviewer: nobody, verdicts: {rejected: no}}\n"
        + END
        + "  - {complete: no, output: '{% if decisions.g.verdict == \"rejected\" %}No.{% endif %}'}\n",
        "  - {complete: end, output: {filler: 0B}}\n",
        "  - {gate: g, asks: Q, channel: EMAIL, approvals: 2, patience: 10s, reviewer: {after: 4s, verdict: approved}}\n"
        + END,
        "  - {gate: g, asks: Q, channel: EMAIL, approvals: 2, patience: 10s, reviewer: {after: 9s, verdict: rejected}}\n"
        + END,
        "  - {gate: g, asks: Q, channel: EMAIL, approvals: 3, patience: 10s, reviewer: {script:"
        " [{after: 4s, verdict: approved}, {after: 4s, verdict: rejected}]}}\n" + END,
        END + "turns:\n  - ask: more\n    data: {x: 1}\n    steps:\n      - complete: end\n        output:"
        " '{{ data.x }} {{ conversation.turns[0].output }} {{ turn }}'\n",
        "  - {gate: g, asks: Q, patience: 1m, reviewer: nobody, verdicts: {timed-out: late}}\n"
        + END
        + "  - {error: late, text: Too late.}\n",
        "  - {complete: end, output: x, follow_up: [And more]}\nturn_order: any\nturns:\n  - {ask: more, match: more, optional: true,"
        " steps: [{complete: end, output: y, follow_up: [hello again]}]}\n",
        "  - {complete: end, output: x, follow_up: [more]}\nturns:\n  - {ask: more, match: more,"
        " steps: [{complete: end, output: y}]}\n",
        "  - {complete: end, output: x, follow_up: [anything, without turns]}\n",
    ],
)
def test_what_is_meant_brings_no_warning(steps: str) -> None:
    assert warnings(steps) == []


@each_row(
    ("steps", "warning"),
    [
        (
            "  - {complete: end, output: {json: '{\"a\": {{ turn }}}'}}\n",
            "a.yaml:7:29: the output of end is JSON quoted twice: json: was given a text of JSON;"
            " write the value itself, or the text as output: without json:",
        ),
        (
            END + "  - {complete: other, output: x}\n",
            "a.yaml:8:5: no path leads to other; name it in a verdict or a next, or leave it out",
        ),
        (
            "  - {work: a, takes: 1s, next: end}\n  - {work: b, takes: 1s}\n" + END,
            "a.yaml:8:5: no path leads to b; name it in a verdict or a next, or leave it out",
        ),
        (
            "  - {gate: g, asks: Q, patience: 1m, approval: false, reviewer: nobody, verdicts: {rejected: other}}\n"
            + END
            + "  - {complete: other, output: x}\n",
            "a.yaml:9:5: no path leads to other; name it in a verdict or a next, or leave it out",
        ),
        (
            "  - {gate: g, asks: Q, patience: 1m}\n" + END,
            "a.yaml:7:5: g has no reviewer: without a person the job waits until it times out;"
            " write reviewer: nobody if that is meant",
        ),
        (
            "  - {gate: g, asks: Q, patience: 5s, reviewer: {after: 5s, verdict: approved}}\n" + END,
            "a.yaml:7:48: g times out before its reviewer answers; 5s after the opening, patience ends after 5s; write late: true if that is meant",
        ),
        (
            "  - {gate: g, asks: Q, patience: 5s, reviewer: {script: [{after: 6s, verdict: approved}]}}\n" + END,
            "a.yaml:7:48: g times out before its reviewer answers; 6s after the opening, patience ends after 5s; write late: true if that is meant",
        ),
        (
            "  - {gate: g, asks: Q, patience: 5s, verdicts: {changes-requested: g}, reviewer: {script: [{after: 1s,"
            " verdict: changes-requested, comment: More}, {after: 6s, verdict: approved}]}}\n" + END,
            "a.yaml:7:82: g times out before its reviewer answers; 6s after the opening, patience ends after 5s; write late: true if that is meant",
        ),
        (
            "  - {complete: end, output: {html: '{{ message / 2 }}'}}\n",
            "a.yaml:7:36: the output.html of end doesn't render: operators take numbers only; join texts with ~, and make"
            " numbers of them by | int or | float",
        ),
        (
            "  - {gate: g, asks: Q, channel: EMAIL, approvals: 2, patience: 10s, reviewer: {after: 5s, verdict: approved}}\n"
            + END,
            "a.yaml:7:79: g times out before there are 2 approvals;"
            " 10s after the opening, patience ends after 10s; write late: true if that is meant",
        ),
        (
            "  - {gate: g, asks: Q, channel: EMAIL, approvals: 2, patience: 10s, reviewer: {script:"
            " [{after: 5s, verdict: approved}]}}\n" + END,
            "a.yaml:7:79: g times out: its script holds too few votes; 1 of 2 votes are scripted",
        ),
        (
            END
            + "turns:\n  - ask: more\n    steps:\n      - {complete: end, output: x}\n      - {complete: off, output: y}\n",
            "a.yaml:12:9: no path leads to off; name it in a verdict or a next, or leave it out",
        ),
        (
            END + "turns:\n  - ask: more\n    steps:\n      - {complete: end, output: {html: '{{ message[:0] }}'}}\n",
            "a.yaml:11:40: the output.html of end renders to nothing; write output: null if that is meant",
        ),
        (
            "  - {gate: g, asks: Q, patience: 2h, reviewer: nobody}\n" + END,
            "a.yaml:7:5: the token (1h) expires while g waits (up to 2h);"
            " the client must ask for another; write token: {renewed: true} if that is meant",
        ),
        (
            "  - {complete: end, output: x, follow_up: ['And {{ message }}']}\nturns:\n  - {ask: more, match: more,"
            " steps: [{complete: end, output: y}]}\n",
            "a.yaml:7:44: no turn answers the follow-up: And hello;"
            " an entry of turns whose match fits it, with turn_order: any; or suggest another",
        ),
        (
            "  - {complete: end, output: x}\nturns:\n  - {ask: more, match: more,"
            " steps: [{complete: end, output: y, follow_up: [more]}]}\n",
            "a.yaml:9:77: no turn answers the follow-up: more;"
            " an entry of turns whose match fits it, with turn_order: any; or suggest another",
        ),
        (
            "  - {complete: end, output: x, follow_up: [a, '{{ conversation.turns[0].message }}']}\n",
            "a.yaml:7:47: the follow_up[1] of end doesn't render: there is no 0 here",
        ),
        (
            '  - {complete: end, output: " "}\n',
            "a.yaml:7:29: the output of end renders to nothing; write output: null if that is meant",
        ),
        (
            "  - {work: w, takes: 1s, says: '{{ message / 2 }}'}\n" + END,
            "a.yaml:7:32: the says of w doesn't render: operators take numbers only; join texts with ~, and make numbers of them by | int or | float",
        ),
        (
            "  - {gate: g, asks: '{{ user.display }}?', patience: 10m, reviewer: nobody}\n" + END,
            "a.yaml:7:21: the asks of g doesn't render without a user: there is no display here;"
            " ask first, as {{ … if user is not none }}, {{ … | default('') }}",
        ),
        (
            NAMED + "  - {complete: none, output: '{{ decisions.g.votes[0].by }}'}\n",
            "a.yaml:9:30: the output of none doesn't render: there is no 0 here",
        ),
        (
            NAMED + "  - {complete: none, output: '{{ 7 // (decisions.g.votes | length) }}'}\n",
            "a.yaml:9:30: the output of none doesn't render: division by zero; ask first, as {{ a / b if b else 0 }}",
        ),
        (
            '  - {complete: end, output: "{% if turn == 2 %}x{% endif %}"}\n',
            "a.yaml:7:29: the output of end renders to nothing; write output: null if that is meant",
        ),
        (
            '  - {complete: end, output: "{{ message.x }}"}\n'.replace("message.x", "conversation.turns[0].message"),
            "a.yaml:7:29: the output of end doesn't render: there is no 0 here",
        ),
    ],
)
def test_what_is_probably_not_meant_is_told_with_its_place(steps: str, warning: str) -> None:
    assert warnings(steps) == [warning]


OTHERWISE = "a.yaml:6:9: it comes otherwise if nobody but the reviewers decides: "
ASKS_TWICE = "turns:\n  - ask: more\n    steps:\n      - {complete: end, output: x}\n"
NOBODY = "  - {gate: g, asks: Q, patience: 1m, reviewer: nobody}\n" + END
TO_ERROR = (
    "  - {work: w, takes: 1s, next: [{when: \"{{ 'hello' in message }}\", to: bad}]}\n"
    + END
    + "  - {error: bad, text: No.}\n"
)


@each_row(
    ("expect", "steps", "found"),
    [
        ("{status: ERROR}", END, [OTHERWISE + "status: COMPLETE, expected ERROR"]),
        ("{}", NOBODY, []),
        ("{status: COMPLETE}", NOBODY, [OTHERWISE + "status: ERROR, expected COMPLETE"]),
        ("{status: ERROR}", NOBODY + ASKS_TWICE, [OTHERWISE + "turn 1 of 2: ERROR, expected COMPLETE"]),
        ("{verdicts: {g: rejected}}", GATE + END, [OTHERWISE + "g: approved, expected rejected"]),
        ("{verdicts: {g: approved}, polls: 0}", GATE + END + ASKS_TWICE, []),
        ("{status: ERROR, verdicts: {g: timed-out}}", NOBODY, []),
        ("{status: null}", END, []),
        ("{status: [COMPLETE, ERROR]}", NOBODY, []),
        ("{status: [ERROR]}", END, [OTHERWISE + "status: COMPLETE, expected ERROR"]),
        ("{status: [ERROR, RUNNING]}", END, []),
        ("{polls: 9}", TO_ERROR, []),
        ("{status: COMPLETE}", TO_ERROR, [OTHERWISE + "status: ERROR, expected COMPLETE"]),
        ("{refused: 503}", END, []),
    ],
)
def test_what_is_expected_and_will_not_come_is_told(expect: str, steps: str, found: list[str]) -> None:
    assert warnings(steps, f"expect: {expect}\n") == found


def test_what_a_missing_role_brings_is_not_foretold() -> None:
    head = HEAD.replace("{code: A}", "{code: A, roles: [BUYER], refuses: job}")
    scenario, locations = parse_with_locations(head + "expect: {status: ERROR}\nsteps:\n" + END, "a.yaml")
    assert lint(scenario, "a.yaml", locations) == ()


@pytest.mark.parametrize(("lifetime", "count"), [("9m", 1), ("599999ms", 1), ("10m", 0)])
def test_a_token_may_live_just_as_long_as_the_longest_wait(lifetime: str, count: int) -> None:
    assert len(warnings(GATE + END, f"token: {{lifetime: {lifetime}}}\n")) == count


def test_a_job_that_is_meant_to_outlive_its_token_is_no_warning() -> None:
    assert warnings(GATE + END, "token: {lifetime: 9m, renewed: true}\n") == []
    late = "  - {gate: g, asks: Q, patience: 1m, reviewer: {after: 1m, verdict: approved, late: true}}\n"
    assert warnings(late + END) == []


def test_a_constant_that_looks_like_a_misspelt_draw_is_told() -> None:
    found = warnings(END, "data:\n  price: {betwen: [1, 2]}\n  address: {city: Rome}\n")
    assert found == [
        "a.yaml:7:10: price is a constant with a key betwen: nothing is drawn; did you mean between?",
    ]


@each_row(
    ("entry", "meant"),
    [
        ("{pik: [a, b]}", "one_of"),
        ("{choices: [a, b], weights: [3, 1]}", "one_of"),
        ("{range: [1, 4]}", "between"),
        ("{uniform: [1, 4], decimals: 2}", "between"),
        ("{faker: name}", "fake"),
        ("{pick: of the day}", ""),  # a text, or a key beside it: a value of its own
        ("{range: [1, 4], unit: km}", ""),
        ("{prices: [1, 4]}", ""),
        ("{image: [1, 4]}", ""),
    ],
)
def test_a_constant_that_draws_by_another_word_is_told_with_the_key_that_is_meant(entry: str, meant: str) -> None:
    found = [each.partition("; ")[2] for each in warnings(END, f"data:\n  x: {entry}\n")]
    assert found == ([f"did you mean {meant}?"] if meant else [])


@pytest.mark.parametrize(
    ("data", "found"),
    [
        ("total: '{{ 3 * 4 }}'", ['total is a constant: what stands in its braces is no more than text; write total: {value: "{{ 3 * 4 }}"}']),
        ("total: {value: '{{ 3 * 4 }}'}", []),
        ("total: '{ 12 }'", []),
    ],
)  # fmt: skip
def test_a_constant_with_an_expression_is_told(data: str, found: list[str]) -> None:
    assert warnings(END, f"data:\n  {data}\n") == [f"a.yaml:7:10: {each}" for each in found]


@each_row(
    ("output", "found"),
    [
        ("'{message}!'", "{message}, which stays as it is; names stand in double braces: {{ message }}"),
        ("'For ${ data.x }'", "${ data.x }, which stays as it is; names stand in double braces: {{ data.x }}"),
        ("'{{message}} {message!} {data} {x.y}'", ""),
        ("'{\"a\": {{ data.x }}}'", ""),
        ("{json: {message: '{{ message }}'}}", ""),
    ],
)
def test_names_in_single_braces_are_told(output: str, found: str) -> None:
    given = warnings(f"  - {{complete: end, output: {output}}}\n", "data: {x: 4}\n")
    assert given == ([f"a.yaml:8:29: the output of end has {found}"] if found else [])


@each_row(
    ("head", "steps", "found"),
    [
        ("shows: Pump # 4\n", END, ["6:8: shows ends"]),
        ("data: {}\n", "  - gate: g\n    asks: Release order # 4711?\n    patience: 1m\n    reviewer: nobody\n" + END,
         ["9:11: steps[0].asks ends"]),
        ("", "  - complete: end\n    output: done\n    follow_up:\n      - Order # 4?\n", ["10:9: steps[0].follow_up[0] ends"]),
        ("data:\n  item: Pump # 4\n", END, ["7:9: data.item ends"]),
        ("narration:\n  idle: It is # 1\n", END, ["7:9: narration.idle ends"]),
        ("shows: Pump  # of the fourth floor\n", END, []),
        ("shows: 'Pump # 4'\n", END, []),
        ("shows: Pump#4\n", END, []),
        ("shows: # nothing yet\n  Pump\n", END, []),
        ("seed: 4 # the fourth\ntoken:\n  lifetime: 1h # an hour\n", END, []),
        ("", "  - complete: end\n    output: |\n      Order # 4\n", []),
    ],
)  # fmt: skip
def test_a_text_that_a_comment_cuts_off_is_told_unless_two_blanks_say_that_it_is_one(
    head: str, steps: str, found: list[str]
) -> None:
    hint = " before the #: YAML takes the rest for a comment;"
    hint += " put the text in quotes; a comment that is meant stands two blanks behind"
    assert warnings(steps, head) == [f"a.yaml:{each}{hint}" for each in found]


def test_a_text_that_a_comma_cuts_off_is_told_where_its_rest_is_a_key_that_may_be_there() -> None:
    hint = 'put it in quotes: {0}: "…, {1}"; or write {1}: null'
    for head, steps, place, cut, rest in (
        ("data: {to: Paris, France}\n", END, "6:19: data.France", "to", "France"),
        ("ask: {message: hello, parameters: {a: b, c}}\n", END, "5:42: ask.parameters.c", "a", "c"),
        ("", "  - {complete: end, output: fine, follow_up: [a, b]}\n", "", "", ""),
        ("data: {to: Paris, France: }\n", END, "", "", ""),
        ("data: {to: 'Paris', France, b}\n", END, "", "", ""),
        ("data: {to: 3, France}\n", END, "", "", ""),
        ("data: {to: [a, b]}\n", END, "", "", ""),
    ):
        text = HEAD.replace("ask: hello\n", "") if head.startswith("ask") else HEAD
        scenario, locations = parse_with_locations(text + head + "steps:\n" + steps, "a.yaml")
        found = [str(each) for each in lint(scenario, "a.yaml", locations)]
        what = f"a.yaml:{place} is empty: a comma ends the text of {cut} before it; {hint.format(cut, rest)}"
        assert found == ([what] if place else []), head


def test_a_name_that_votes_twice_in_a_quorum_is_told() -> None:
    gate = "  - {gate: g, asks: Q, channel: EMAIL, approvals: 2, patience: 1m, reviewer: "
    ann, bob = (f"{{after: 1s, verdict: approved, by: {name}}}" for name in ("Ann", "Bob"))
    warning = "a.yaml:7:78: g takes two votes of one name: it counts once, so the second vote goes without it;"
    warning += " give each vote a name of its own, in a script; or leave by out"
    for reviewer, found in (
        (ann, [warning]),
        (f"{{script: [{ann}, {ann}]}}", [warning]),
        (f"{{script: [{ann}, {bob}]}}", []),
        (f"{{script: [{ann}, {bob}, {ann}]}}", []),
        ("{after: 1s, verdict: approved}", []),
    ):
        assert warnings(f"{gate}{reviewer}}}\n{END}") == found, reviewer


def test_a_wait_that_outlasts_the_token_is_told_by_its_longest() -> None:
    step = "  - {wait: w, takes: {between: [1m, 31m]}}\n"
    assert warnings(step + END, "token: {lifetime: 30m}\n") == [
        "a.yaml:8:5: the token (30m) expires while w waits (up to 31m);"
        " the client must ask for another; write token: {renewed: true} if that is meant"
    ]


@each_row(
    ("takes", "warned"),
    [
        ("60m", ""), ("3600001ms", "1h1ms"), ("{between: [1s, 1h]}", ""), ("{between: [1s, 61m]}", "1h1m"),
        ("{median: 1m, p95: 1h}", ""), ("{median: 1m, p95: 90m}", "1h30m"), ("{observed: [1s, 2h, 3s]}", "2h"),
    ],
)  # fmt: skip
def test_no_wait_node_lasts_more_than_an_hour(takes: str, warned: str) -> None:
    head = "token: {renewed: true}\n"
    step = f"  - {{wait: w, takes: {takes}, again: {{to: w, rounds: 3}}}}\n"
    what = f"a.yaml:8:22: w waits up to {warned}: a WAIT node of a pod lasts 60 minutes at most;"
    hint = "let it go back as again: {to: STEP, rounds: N}; if a person is waited for, write a gate"
    assert warnings(step + END, head) == ([f"{what} {hint}"] if warned else [])
    other = f"  - {{work: w, takes: {takes}}}\n  - {{gate: g, asks: Q, patience: 3d, reviewer: nobody}}\n"
    assert warnings(other + END, head) == []
    turn = f"turns:\n  - {{ask: more, steps: [{{wait: w, takes: {takes}}}, {{complete: e, output: y}}]}}\n"
    assert sum("WAIT node" in each for each in warnings(END + turn, head)) == bool(warned)


@pytest.mark.parametrize(("match", "torn"), [(r"for (?P<who>\w+)", True), (r"for (?P<who>\S+)", False)])
def test_a_pattern_that_tears_a_word_of_its_message_apart_is_told_in_each_turn(match: str, torn: bool) -> None:
    text = HEAD.replace("hello", f"Pay for Zoë\nmatch: '{match}'") + f"steps:\n{END}turns:\n"
    text += f"  - {{ask: Pay for Jürgen, match: '{match}', steps: [{{complete: end, output: x}}]}}\n"
    scenario, locations = parse_with_locations(text, "a.yaml")
    found = [str(each) for each in lint(scenario, "a.yaml", locations)]
    words = [("6:8", "Zoë"), ("10:34", "Jürgen")] if torn else []
    assert len(found) == len(words)
    for line, (place, word) in zip(found, words, strict=True):
        assert line.startswith(f"a.yaml:{place}: it takes a part of {word} alone; \\w and \\b know")


@pytest.mark.parametrize(("length", "warned"), [(74, []), (75, ["complete"]), (200, ["complete"])])
def test_a_sentence_that_a_screen_cuts_is_warned_of_with_its_place(length: int, warned: list[str]) -> None:
    said = "narration:\n  polling: It works.\n  complete: {end: " + "x" * length + "}\n"
    found = warnings(END, said)
    assert [
        f"narration.{kind}.end has {length} characters" in each for kind, each in zip(warned, found, strict=True)
    ] == [True] * len(warned)
    assert all(each.startswith("a.yaml:8:") for each in found)
