"""`lab fidelity`: what of the contract is documented, what was observed, what is assumed."""

from lab.cli.console import Console
from lab.core.fidelity import Claim
from lab.dialects.fidelity import CLAIMS
from lab.settings import Flags

_WIDTHS = {
    place: max(len(claim.name) for claim in CLAIMS if claim.place == place)
    for place in {claim.place for claim in CLAIMS}
}
"""Of the names in each part of the table."""


def execute(flags: Flags, console: Console) -> int:
    """The table, a line each; with `--json` one object a line."""
    for claim in CLAIMS:
        if flags["json"]:
            console.json(
                {
                    "place": claim.place,
                    "name": claim.name,
                    "mark": claim.word,
                    "says": claim.says,
                    "switch": claim.switch,
                    "source": claim.source,
                }
            )
        else:
            console.out(_text(claim))
    return 0


def _text(claim: Claim) -> str:
    switch = f"  (switch {claim.switch})" if claim.switch else ""
    source = f"  [{claim.source}]" if claim.source else ""
    return f"{claim.word:<10}  {claim.place:<18}  {claim.name:<{_WIDTHS[claim.place]}}  {claim.says}{switch}{source}"
