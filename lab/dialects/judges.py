"""A judge for each open claim of the lab: `lab fidelity CAPTURE` asks them. Whoever claims something has them beside its claims."""

from typing import cast

from lab.core.evidence import ClaimJudge, Judges
from lab.dialects import wires
from lab.dialects.fidelity import LOCAL_CLAIMS
from lab.dialects.fusion.judges.places import judge_local_path
from lab.identity.judges import IDENTITY_JUDGES
from lab.plugin import plugins, resolve

_LOCAL = (row for wire in wires() for row in wire.routes if row.only)
_OF_WIRES = {
    place: judge
    for plugin in plugins()
    for wire in plugin.wires
    for place, judge in cast("Judges", resolve(wire.judges) if wire.judges else {}).items()
}
JUDGES: Judges = {
    **IDENTITY_JUDGES,
    **_OF_WIRES,
    **{
        (claim.place, claim.name): ClaimJudge(judge_local_path(row), "a call of it")
        for claim, row in zip(LOCAL_CLAIMS, _LOCAL, strict=True)
        if claim.open
    },
}
