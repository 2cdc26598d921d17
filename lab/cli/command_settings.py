"""What the smaller commands of the kernel's are asked: one Struct a command, its options declared in its fields."""

import re
from typing import Literal

from lab.cli.result import OutputSettings
from lab.cli.run_settings import STAGE, ScreenSettings
from lab.core.clock import Millis
from lab.core.seeds import SEEDS, Seed
from lab.options import ARGUMENTS, BadValue, FromCall, Options, name_of, number, option, setting, span, switch, variable
from lab.settings import (
    ALLOW_HOST,
    AS,
    CA,
    FOLDER,
    LEDGER_VARIABLE,
    SETTINGS,
    ControlAccess,
    Environment,
    ScenarioSettings,
    SwitchSettings,
    scenario_name,
    seed_option,
)

# Recordings: replay, play, show, repair

_PACE = re.compile(r"x([0-9]{1,4}(?:\.[0-9]{1,3})?)")


def _pace(text: str) -> str:
    found = _PACE.fullmatch(text)
    if text not in ("recorded", "fast") and (found is None or not float(found[1])):
        raise BadValue("no pace", "Write recorded, fast, or a factor such as x20.")
    return text


_THERE = ("--against",)
_NO_MOCK = "nothing is replayed in a mock then"


class AgainstSettings(Options):
    """The server that recordings are held against."""

    GROUP = "against another server"

    api: str | None = option(
        "--against URL",
        "send the requests to this server instead, and compare what it answers",
        excludes=dict.fromkeys(("--accept", "--regenerate", "--scenarios"), _NO_MOCK),
    )
    tokens: str | None = option(
        "--tokens URL", "its identity domain; default: LAB_TOKEN_URL, else the same origin", needs=_THERE
    )
    token_url: str | None = setting(variable("LAB_TOKEN_URL"))
    allowed: tuple[str, ...] = setting(ALLOW_HOST._replace(needs=_THERE), default=())
    pace: str = option(
        "--pace PACE", "of the requests: recorded (default), fast, or xN", _pace, needs=_THERE, default="recorded"
    )
    patience: Millis | None = option(
        "--patience DURATION",
        "how long a job may take; default: twice as long as recorded, and a minute",
        span,
        needs=_THERE,
    )
    tolerance: Millis | None = option(
        "--time-tolerance DURATION", "compare times too, and let them differ by so much", span, needs=_THERE
    )
    ca: str | None = setting(CA._replace(needs=_THERE))
    """A file of certificates that are trusted beside the system's."""
    file: str | None = setting(SETTINGS._replace(needs=_THERE))
    """A settings file, whose accounts are the clients and users."""


_ACCEPTS = ("--accept",)


class ReplaySettings(Options):
    """What `lab replay` was asked."""

    USUAL = ("--accept", "--yes", "--against", "--scenarios", "--json", "--out")

    targets: tuple[str, ...] = option("FILE...", "recordings, by path, pattern or bare name")
    scenarios: str | None = setting(FOLDER)
    regenerate: bool = switch(
        "--regenerate", "draw generated data and durations anew, instead of taking those recorded"
    )
    accept: bool = switch("--accept", "put those that differ in the old ones' place, once that was shown and agreed to")
    yes: bool = switch("--yes", "don't ask", needs=_ACCEPTS)
    accept_unfinished: bool = switch(
        "--accept-unfinished",
        "also those in which a job ends or begins no longer, so that nothing holds its output",
        needs=_ACCEPTS,
    )
    output: OutputSettings = OutputSettings()
    against: AgainstSettings = AgainstSettings()
    arguments: tuple[str, ...] = setting(ARGUMENTS, default=())
    environment: dict[str, str] = setting(FromCall(lambda call: dict(call.environment), secret=True), default={})


class PlaySettings(Options):
    """What `lab play` was asked."""

    target: str = option("RECORDING", "a path, or a name in ./recordings or of those shipped")
    scenarios: str | None = setting(FOLDER)
    screen: ScreenSettings = ScreenSettings()
    environment: Environment = Environment()


_FORMS, _form = name_of(
    "form of recordings",
    lambda plugin: [form.word for form in plugin.forms],
    "cast",  # a film is the screen's affair
)


def _size(text: str) -> tuple[int, int]:
    """Columns and rows, as 80x24."""
    columns, _, rows = text.partition("x")
    hint = "Write columns and rows, as 80x24."
    if not (columns.isdecimal() and rows.isdecimal()):
        raise BadValue("no size", hint)
    width, height = int(columns), int(rows)
    if not (72 <= width <= 500 and 20 <= height <= 200):
        hint = f"{hint} The screen needs 72x20, and is at most 500x200."
        raise BadValue("out of range", hint)
    return width, height


_FILM = ("--as cast",)


class ShowSettings(Options):
    """What `lab show` was asked."""

    target: str = option("RECORDING", "a path, or a name in ./recordings or of those shipped")
    form: str = option("--as FORM", f"default: text; there are {', '.join(_FORMS)}", _form, default="text")
    numbered: bool = switch(
        "--line-numbers",
        "before each line of the recording its number, by which reports cite it",
        excludes={f"--as {form}": "it has no lines of the recording" for form in _FORMS if form != "text"},
    )
    size: tuple[int, int] = option(
        "--size COLUMNSxROWS", "of the cast; default: 120x36", _size, needs=_FILM, default=(120, 36)
    )
    light: bool = switch("--light", "film on the light stage", needs=_FILM)
    stage: int | None = setting(STAGE._replace(help="film act after act, each so long; default: 3", needs=_FILM))
    scenarios: str | None = setting(FOLDER._replace(needs=_FILM))


class RepairSettings(Options):
    """What `lab repair` was asked."""

    target: str = option("FILE", "a recording, by path or bare name")


# Scenarios: check, new, schema, openapi


class CheckScenarioSettings(ScenarioSettings):
    """Where scenarios are looked for, and how chance is drawn for a plan."""

    seed: Seed | None = setting(
        seed_option("for --plan; default: the scenario's own, else 0 (a run without one draws a fresh one)")._replace(
            needs=("--plan",)
        ),
        variable("LAB_SEED", number(0, SEEDS - 1)),
    )


class CheckSwitchSettings(SwitchSettings):
    """What says how the switches stand of which warnings and plans are."""

    file: str | None = option("--settings FILE", "warn of users, roles and clients that it doesn't know")
    flags: tuple[tuple[str, str], ...] = ()


class CheckSettings(Options):
    """What `lab check` was asked."""

    targets: tuple[str, ...] = option("PATH...", "scenarios by name or path, or folders of them")
    where: CheckScenarioSettings = CheckScenarioSettings()
    strict: bool = switch("--strict", "a warning fails too")
    plan: bool = switch("--plan", "print the timeline that the seed settles, and the planned faults")
    caller: str | None = setting(AS._replace(needs=("--plan",)))
    switches: CheckSwitchSettings = CheckSwitchSettings()
    output: OutputSettings = OutputSettings()


class NewSettings(Options):
    """What `lab new` was asked."""

    name: str = option("NAME", "what the scenario is called", scenario_name)


class SchemaSettings(Options):
    """What `lab schema` was asked."""

    settings: bool = switch(
        "--settings", "of the settings file instead", excludes={"--recording": "each is a schema of its own"}
    )
    recording: bool = switch("--recording", "of a line of a recording instead")


class OpenapiSettings(Options):
    """What `lab openapi` was asked."""

    switches: SwitchSettings = SwitchSettings()


# Reference: fidelity, completion, doctor, docs


class FidelitySettings(Options):
    """What `lab fidelity` was asked."""

    target: str | None = option("[CAPTURE]", "a recording of a pod, by path or bare name; none: the table")
    json: bool = switch("--json", "one object a line, of a capture and the counts")


class CompletionSettings(Options):
    """What `lab completion` was asked."""

    shell: Literal["bash", "zsh", "fish"] = option("shell", "of which shell", choices=("bash", "zsh", "fish"))


class DoctorSettings(Options):
    """What `lab doctor` was asked, and what the environment says."""

    target: str | None = option("[CONTROL_URL]", "of a running lab, with LAB_CONTROL_TOKEN; none: the surroundings")
    json: bool = switch("--json", "what was found, as one line of JSON")
    config: str | None = setting(variable("LAB_CONFIG_DIR"))
    ledger: str | None = setting(variable(LEDGER_VARIABLE, secret=True))
    """Where the store of a shared lab is, perhaps with a password."""
    control: ControlAccess = ControlAccess()


class DocsSettings(Options):
    """What `lab docs` was asked."""

    page: str | None = option("[PAGE]", "none: list the pages")
    section: str | None = option("[SECTION]", "of the page that one alone, by its number, as 3.2")
    environment: Environment = Environment()


class WatchSettings(Options):
    """What `lab watch` was asked."""

    target: str = option("URL", "the control plane as lab serve prints it, or HOST:PORT; LAB_CONTROL_TOKEN opens it")
    """The control plane of the lab: its address, or HOST:PORT."""
    scenarios: str | None = setting(FOLDER)
    control: ControlAccess = ControlAccess()
    environment: Environment = Environment()
    screen: ScreenSettings = ScreenSettings()
