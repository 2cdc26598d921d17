"""A judge for each open claim of the lab: `lab fidelity CAPTURE` asks them. Whoever claims something has them beside its claims."""

from lab.core.evidence import ClaimJudge, Judges
from lab.dialects import WIRES
from lab.dialects.a2a.judges import A2A_JUDGES
from lab.dialects.fidelity import LOCAL_CLAIMS
from lab.dialects.fusion.judges import FUSION_JUDGES
from lab.dialects.fusion.judges.places import judge_local_path
from lab.identity.judges import IDENTITY_JUDGES

_LOCAL = (row for wire in WIRES for row in wire.routes if row.only)
JUDGES: Judges = {
    **IDENTITY_JUDGES,
    **FUSION_JUDGES,
    **A2A_JUDGES,
    **{
        (claim.place, claim.name): ClaimJudge(judge_local_path(row), "a call of it")
        for claim, row in zip(LOCAL_CLAIMS, _LOCAL, strict=True)
        if claim.open
    },
}
