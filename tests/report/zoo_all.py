"""All rehearsals, by the rule that their client breaks."""

from collections.abc import Mapping

from tests.report import zoo
from tests.report.rehearsal import Rehearsal

ZOO: Mapping[str, Rehearsal] = {
    **zoo.ZOO,
}
