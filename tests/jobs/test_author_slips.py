"""What authors write in good faith: each slip is named, with what to write instead."""

import pytest

from lab.core.errors import ScenarioError
from lab.jobs.lint import lint
from lab.language.parse import parse_with_locations
from tests.conftest import each_row

HEAD = """\
lab: 1
name: a
title: A
agent: {code: A}
ask: pay 1,250.00
match: 'pay (?P<sum>[\\d,.]+)'
"""
GATE = "  - {gate: big-boss, asks: May it?, patience: 10m, reviewer: {after: 5s, verdict: approved}}\n"
END = "  - {complete: end, output: done}\n"


def found(steps: str, head: str = "", ask: str = "pay 1,250.00") -> list[str]:
    """The complaints about a scenario with these steps, or the warnings if there are none."""
    text = HEAD.replace("pay 1,250.00", ask) + head + "steps:\n" + steps
    try:
        scenario, locations = parse_with_locations(text, "a.yaml")
    except ScenarioError as error:
        complaints = error.complaints
    else:
        complaints = lint(scenario, "a.yaml", locations)
    return [str(each).removeprefix("a.yaml:") for each in complaints]


def branch(when: str) -> str:
    return f'  - {{work: w, takes: 1s, next: [{{when: "{{{{ {when} }}}}", to: end}}]}}\n' + END


def output(text: str) -> str:
    return f'  - {{complete: end, output: "{{{{ {text} }}}}"}}\n'


COMMAS = "take the commas out first, as {{ match.sum | replace(',', '') | int }}"
POINTS = "write it as numbers are here, as {{ match.sum | replace('.', '') | replace(',', '.') | float }}"


@each_row(
    ("text", "ask", "slip"),
    [
        ("match.sum | int > 1000", "pay 1,250.00", f'int finds no number in "1,250.00"; {COMMAS}'),
        ("match.sum | float > 1000", "pay 1.250,00", f'float finds no number in "1.250,00"; {POINTS}'),
        ("(match.sum ~ 'x') | int > 1000", "pay 7", 'int finds no number in "7x"; where there may be none give a default, as int(0)'),
        ("match.sum | int(0) > 1000", "pay 1,250.00", ""),
        ("match.sum | replace(',', '') | int > 1000", "pay 1,250.00", ""),
        ("5 / (match.sum | int) > 1", "pay 0", "division by zero; ask first, as {{ a / b if b else 0 }}"),
        ("data.price / 0 > 1", "pay 0", "division by zero; ask first, as {{ a / b if b else 0 }}"),
    ],
)  # fmt: skip
def test_a_number_that_is_none_is_never_taken_for_0(text: str, ask: str, slip: str) -> None:
    data = "data: {price: {between: [2, 3], decimals: 2}}\n"
    assert found(branch(text), data, ask) == ([f"9:40: steps[0].next[0].when: has no answer: {slip}"] if slip else [])


@pytest.mark.parametrize(
    ("when", "slip"),
    [
        ("3 is divisibleby('2')",
         "it calculates with a number and a text; a number stands without quotes; one that comes as text is made one by int"),
        ("[3] | sort('x') | first == 3", "'str' object cannot be interpreted as an integer; the job would fail"),
        ("parameters.x == 1", "there is no x here; the job would fail; ask first, as {{ user is not none and … }}, {{ … is defined and … }}"),
    ],
)  # fmt: skip
def test_to_ask_first_is_advised_where_something_is_missing_alone(when: str, slip: str) -> None:
    assert found(branch(when)) == [f"8:40: steps[0].next[0].when: has no answer: {slip}"]


def test_a_failure_that_comes_with_some_data_is_not_put_down_to_who_asks() -> None:
    what = "with some of its data: int finds no number in"
    hint = "where there may be none give a default, as int(0)"
    data = "seed: 7\ndata: {price: {one_of: ['9', none, '8']}}\n"
    assert found(branch("data.price | int > 8"), data) == [
        f'10:40: steps[0].next[0].when: has no answer {what} "none"; {hint}'
    ]
    assert found(output("data.price | int"), data) == [
        f'10:29: the output of end doesn\'t render {what} "none"; {hint}'
    ]


@each_row(
    ("steps", "slip"),
    [
        (branch("match.sum | int > 1,000"),
         "8:40: steps[0].next[0].when: is neither true nor false; numbers have no comma: write 1000, and between two conditions and"),
        (output("match.sum * 2"), "8:29: the output of end doesn't render: operators take numbers only;"
         " join texts with ~, and make numbers of them by | int or | float"),
        (output("'%.2f' % 3"), "8:29: steps[0].output: % formats no text here; write {{ x | round(2) }} for two places, and ~ to join texts"),
        (GATE + output("decisions.big-boss.by"), "9:29: steps[1].output: there is no gate big; write decisions['big-boss']"),
        (GATE + output("decisions.big-boss.by"), "9:29: steps[1].output: unknown name boss; write decisions['big-boss']"),
        (GATE + output("decisions['big-boss'].verdict == 'Approved'"), "9:29: steps[1].output: there is no verdict Approved; did you mean approved?"),
        ("  - {delegate: d-1, agent: A, takes: 1s, output: x}\n" + output("delegates.d.output"),
         "9:29: steps[1].output: there is no delegate d; write delegates['d-1']"),
        ("  - {delegate: d, agent: A, takes: 1s, output: {json: {price: 4}}}\n" + output("delegates.d.output.price"),
         "9:29: steps[1].output: what a delegate hands back is a text: it has no price; let it hand back that part alone"),
        ("  - {gate: g, asks: Q, patience: 9m, reviewer: {after: 1s, verdict: approved}, verdicts: {timed-out: end}}\n"
         + output("decisions.g.comment[0]"),
         "9:29: the output of end doesn't render with g timed-out: there is no 0 here;"
         " ask first, as {{ … if decisions.g.comment }}, {{ … | default('') }}"),
        ("  - {gate: g, asks: Q, patience: 9m, reviewer: {after: 1s, verdict: approved, comment: '{{ message }}'}}\n" + END,
         "8:88: the comment of a reviewer is no template: its braces stay as they are; write the comment itself"),
    ],
)  # fmt: skip
def test_a_slip_in_a_step_is_named(steps: str, slip: str) -> None:
    assert slip in found(steps)


GO = "  - {gate: g, asks: Q, patience: 9m, reviewer: {after: 1s, verdict: approved}"
SUB = "  - {delegate: d, agent: A, takes: 1s"
BOTH = (
    "  - {parallel: p, of: [{delegate: d, agent: A, takes: 1s, output: x}, {delegate: e, agent: A, takes: 2s, output: "
)


@each_row(
    ("steps", "slips"),
    [
        (branch("decisions.g.verdict == 'approved'").replace(END, GO + "}\n" + END),
         ["8:40: the next[0].when of w looks at decisions.g, and that is empty: no path from g leads here;"
          " look at it in a step that comes behind g"]),
        (GO + ", next: [{when: \"{{ decisions.g.by == 'x' }}\", to: end}]}\n" + END, []),
        ("  - {work: w, takes: 1s, says: '{{ decisions.g.comment }}'}\n" + GO + ", verdicts: {changes-requested: w}}\n" + END, []),
        (GO + ", verdicts: {changes-requested: end}, change_prompt: 'Why {{ decisions.g.comment }}?'}\n" + END, []),
        (SUB + "}\n" + output("delegates.d.output ~ '!'"),
         ["9:29: the output of end looks at delegates.d, and that is empty: d hands nothing back; give it an output"]),
        (SUB + ", output: x}\n" + output("delegates.d"),
         ["9:29: the output of end looks at delegates.d, which is a mapping; write delegates.d.output"]),
        (SUB + ", output: '!{{ decisions.g.by }}'}\n" + GO + "}\n" + output("delegates.d.output"),
         ["8:48: the output of d looks at decisions.g, and that is empty: no path from g leads here;"
          " look at it in a step that comes behind g"]),
        (SUB + ", output: x, next: [{when: \"{{ delegates.d.output == 'x' }}\", to: end}]}\n" + END, []),
        (BOTH + "'{{ delegates.d.output }}!'}]}\n" + END,
         ["8:114: the output of e looks at delegates.d, and that is empty: no path from d leads here;"
          " look at it in a step that comes behind d"]),
        (BOTH + "x}], next: [{when: \"{{ delegates.d.output == 'x' }}\", to: end}]}\n" + END, []),
        (BOTH + "x}], until: any}\n" + output("delegates.e.output or 'nothing'"), []),
        (BOTH + "x}], until: any}\n" + output("delegates.d.output ~ delegates.e.output"), []),
        (BOTH + "x}]}\n" + output("delegates.e.output"), []),
    ],
)  # fmt: skip
def test_what_is_never_there_when_it_is_looked_at_is_named(steps: str, slips: list[str]) -> None:
    assert found(steps) == slips


@each_row(
    ("head", "slips"),
    [
        ("data: {rows: {list: {each: {a: 1, b: '{{ row.a * 2 }}'}}, count: 2}}\n",
         ['7:38: b is a constant: what stands in its braces is no more than text; write b: {value: "{{ row.a * 2 }}"}']),
        ("data: {rows: {list: {a: {between: [1, 2]}}, count: 2}}\n",
         ["7:21: rows is a constant, and so is a within it: nothing is drawn; rows stand in a list: {list: {each: …}, count: 3}"]),
        ("data: {rows: {list: {each: {a: {between: [1, 2]}}}, count: 2}}\n", []),
        ("turn_order: any\n", ["7:13: there are no turns that could come in any order; add turns, or leave turn_order out"]),
        ("turn_order: written\n", []),
    ],
)  # fmt: skip
def test_a_slip_before_the_steps_is_named(head: str, slips: list[str]) -> None:
    assert found(END, head) == slips


@pytest.mark.parametrize(
    ("text", "slip"),
    [
        ("user.name.first", "8:29: steps[0].output: user.name has no first; it is a text"),
        ("match.sum.value", "8:29: steps[0].output: match.sum has no value; it is a text"),
        ("turn.number", "8:29: steps[0].output: turn has no number; it is a number"),
    ],
)
def test_a_text_and_a_number_have_no_parts(text: str, slip: str) -> None:
    assert found(output(text)) == [slip]


@pytest.mark.parametrize("text", ["user.roles", "conversation.turns"])
def test_a_list_is_no_answer(text: str) -> None:
    [slip] = found(branch(text))
    assert slip.startswith("8:40: steps[0].next[0].when: gives a list, and a condition gives true or false")


ROUNDS = (
    "  - {work: draft, takes: 1s}\n"
    "  - {gate: review, asks: Good?, patience: 1h, verdicts: {changes-requested: draft}, reviewer: {script: ["
    "{after: 1s, verdict: changes-requested, comment: Shorter}, {after: 1s, verdict: approved}]}}\n"
)


@pytest.mark.parametrize(("name", "slip"), [("comment", False), ("coment", True)])
def test_what_only_a_second_round_shows_is_told(name: str, slip: bool) -> None:
    text = (
        f"{{% for each in decisions.review.rounds if each.verdict != 'approved' %}}{{{{ each.{name} }}}}{{% endfor %}}"
    )
    said = found(ROUNDS + f'  - {{complete: end, output: "{text}"}}\n')
    what = "the output of end doesn't render after the rounds that its reviewers ask for: there is no coment here"
    assert said == ([f"10:29: {what}"] if slip else [])
