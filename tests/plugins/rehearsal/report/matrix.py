"""What every rule says in every rehearsal, of the client that breaks one and of the good one: the rows of matrix.txt.

Written anew by `python -m tests.plugins.rehearsal.report.matrix > tests/plugins/rehearsal/report/matrix.txt`; what is read there is to be true.
"""

import sys
from collections.abc import Iterator

from lab.plugins.rehearsal.report.judge import ClientReport, RuleVerdict
from tests.plugins.rehearsal.report.together import judged
from tests.plugins.rehearsal.report.zoo_all import ZOO


def row(name: str, found: ClientReport) -> str:
    """A line: who, what fails, what passes; what isn't named wasn't exercised."""
    failed, passed = (
        " ".join(each.rule.id for each in found.with_verdict(verdict))
        for verdict in (RuleVerdict.FAIL, RuleVerdict.PASS)
    )
    return f"{name}: fails {failed or 'nothing'}, passes {passed}"


def rows() -> Iterator[str]:
    """All of them."""
    for name, rehearsal in ZOO.items():
        yield row(name, judged(rehearsal.day()))
        yield row(f"{name}, good", judged(rehearsal.day(rehearsal.good)))


if __name__ == "__main__":
    sys.stdout.writelines(f"{each}\n" for each in rows())
