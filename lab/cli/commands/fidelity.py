"""`lab fidelity`: what of the contract is documented, what was observed, what is assumed; of a recording of a pod, what it
says of each claim that is assumed, or that a switch changes (recordings.md §18)."""

from typing import TYPE_CHECKING

from lab.cli.command_settings import FidelitySettings
from lab.cli.console import Console
from lab.core.errors import Divergence
from lab.core.fidelity import Claim
from lab.dialects.fidelity import CLAIMS

if TYPE_CHECKING:
    from lab.recording.drift import Assessment

_WIDTHS = {
    place: max(len(claim.name) for claim in CLAIMS if claim.place == place)
    for place in {claim.place for claim in CLAIMS}
}
"""Of the names in each part of the table."""


def execute(settings: FidelitySettings, console: Console) -> int:
    """The table, or what a capture says of it, a line each; with `--json` one object a line."""
    if settings.target is not None:
        return judge_capture(settings.target, settings, console)
    for claim in CLAIMS:
        if settings.json:
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


# Of a capture


def judge_capture(target: str, settings: FidelitySettings, console: Console) -> int:
    """A line for each claim that is open. 1 if one is contradicted, 5 if nothing is seen of any."""
    # the table needs nothing of recordings
    from lab.cli.commands.replay import NOTHING_MATCHED
    from lab.cli.recordings import load_recording
    from lab.recording.drift import Standing, assess, traffic_of
    from lab.recording.format.lines import CAPTURE
    from lab.recording.format.reader import demand_closed

    path, recording = load_recording(target)
    demand_closed(recording, str(path))
    if recording.header.source != CAPTURE:
        console.err(f"{path} is no capture: it shows the lab's own {recording.header.source}.")
    found = list(assess(traffic_of(recording)))
    for each in found:
        if settings.json:
            console.json(_judged_document(each))
        else:
            console.out(_judged_text(each))
    counts = {standing: sum(each.standing is standing for each in found) for standing in Standing}
    if settings.json:
        console.json({str(standing): count for standing, count in counts.items()})
    else:
        console.out(", ".join(f"{count} {standing}" for standing, count in counts.items()))
    if counts[Standing.UNSEEN] == len(found):
        return NOTHING_MATCHED
    return Divergence.exit_code if counts[Standing.CONTRADICTED] else 0


def _judged_text(found: "Assessment") -> str:
    """Text from outside stands behind a bar, so that no runner obeys it."""
    claim, sign = found.claim, found.sign
    head = f"{found.standing:<12}  {claim.place}: {claim.name}"
    if sign is None:
        return f"{head}  (needs {found.needs})"
    what = " ".join(sign.what.split())[:200].replace("##[", "##\\x5b")
    lines = [head, f"|   x={sign.call.x}, line {sign.call.line}: {what}"]
    if not sign.fits:
        lines += [f"    the lab says: {claim.says}", f"    {_advice(found)}"]
    return "\n".join(lines)


def _advice(found: "Assessment") -> str:
    return f"--set {found.setting} has it do so" if found.setting else "no switch has it do so"


def _judged_document(found: "Assessment") -> dict[str, object]:
    claim, sign = found.claim, found.sign
    document: dict[str, object] = {
        "place": claim.place,
        "name": claim.name,
        "mark": claim.word,
        "says": claim.says,
        "verdict": found.standing,
    }
    if sign is None:
        return {**document, "needs": found.needs}
    evidence = {"exchange": sign.call.x, "line": sign.call.line, "what": sign.what}
    return {**document, "evidence": evidence, **({"set": found.setting} if found.setting else {})}
