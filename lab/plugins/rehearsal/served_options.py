"""What `lab serve` is asked of drills: apart from what other commands are, for each start of it reads this."""

from lab.options import Option, Options, option, setting


def _families(text: str) -> tuple[str, ...]:
    return tuple(each.strip().upper() for each in text.split(","))


FAMILY = Option("--family W,P", "W wire, R refusal, K token, V invoke, P poll, G gate, Z ending, N callback", _families)
ONLY = Option("--only NAME", "just this one")


class ServedDrillsSettings(Options):
    """What `lab serve` was asked of drills."""

    target: str = option(
        "--drills SCENARIO",
        "its drills can be chosen too, each by /scenario/NAME or X-Lab-Scenario: NAME",
        excludes={
            "--from": "a recording is played back to one client",
            "--ledger": "what is served beside isn't in the store",
        },
    )
    family: tuple[str, ...] = setting(FAMILY._replace(needs=("--drills",)), default=())
    only: str | None = setting(ONLY._replace(needs=("--drills",)))
