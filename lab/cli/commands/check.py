"""`lab check`: every complaint and every warning about scenarios; what must not be committed in recordings."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from lab.cli.check.scenario_checks import parse_files, shadow_warnings
from lab.cli.command_settings import CheckSettings
from lab.cli.console import Console
from lab.cli.junit import CaseEnd
from lab.cli.result import tell
from lab.cli.verdicts import WORST_FIRST, FileVerdict, Problem, files_result
from lab.clocks import real_millis, wall_second
from lab.core.errors import Complaint, UsageError
from lab.core.seeds import Seed
from lab.files.recordings import ALLOWED_ENDING, MATCHERS_ENDING, RECORDING_ENDING
from lab.files.scenarios import (
    SCENARIO_ENDING,
    SCENARIO_ENDINGS,
    load_scenario,
    scenario_files,
    scenario_path,
    scenarios_folder,
)
from lab.identity.clients import DEMO, JANE, Account, pod_users
from lab.jobs.lint import KnownCallers
from lab.settings import SwitchSettings

if TYPE_CHECKING:
    from lab.cli.setup import SettingsFile


_OF_RECORDINGS = (RECORDING_ENDING, MATCHERS_ENDING, ALLOWED_ENDING)


def execute(settings: CheckSettings, console: Console) -> int:
    """Print complaints and warnings as results; 2 on a complaint, with `--strict` on a warning too.

    3 on a leak, or a recording that can't be read, isn't closed, or lacks a long body.
    """
    began = wall_second()
    files = [file for target in settings.targets for file in files_of(target, settings.where.scenarios)]
    known = _known(settings.switches.file)
    account = _account(settings.caller, known)
    parsed = parse_files(file for file in files if not file.name.endswith(_OF_RECORDINGS))
    shadows = shadow_warnings(parsed.values())
    verdicts: list[FileVerdict] = []
    for file in files:
        since = real_millis()
        if _recorded(file.name):
            from lab.cli.check.recording_checks import check_recording  # a scenario needs nothing of recordings

            verdict = check_recording(file, strict=settings.strict)
        elif (scenario := parsed.get(file)) is None:
            from lab.cli.check.recording_checks import check_beside

            verdict = _verdict(file, check_beside(file), (), strict=settings.strict)
        else:
            shadow = shadows.get(file)
            doubtful = (*scenario.warnings(known_callers(known)), *([shadow] if shadow is not None else ()))
            verdict = _verdict(file, scenario.complaints, tuple(sorted(doubtful)), strict=settings.strict)
            if settings.plan and not scenario.complaints:
                plan = planned(file, settings.where.seed, settings.switches, known, account)
                verdict = replace(verdict, lines=(*verdict.lines, *plan))
        verdicts.append(replace(verdict, took=real_millis() - since))
    codes = [each.code for each in verdicts]
    worst = next((code for code in WORST_FIRST if code in codes), 0)
    return tell(files_result("check", verdicts, worst, began, remarks=(_counted(verdicts),)), settings.output, console)


def _counted(verdicts: Sequence[FileVerdict]) -> str:
    """How much was looked at and found."""
    unreadable = sum(each.kind is CaseEnd.ERROR for each in verdicts)
    found = [(_recorded(each.file), problem.warning) for each in verdicts for problem in each.problems]
    hits = found.count((True, False)) - unreadable
    warnings, complaints = sum(warning for _, warning in found), found.count((False, False))
    counts = [_count(len(verdicts), "file"), _count(complaints, "complaint"), _count(warnings, "warning")]
    counts += [_count(hits, "leak")] if hits else []
    return ", ".join([*counts, f"{unreadable} unreadable"] if unreadable else counts)


def _known(file: str | None) -> "SettingsFile | None":
    if file is None:
        return None
    from lab.cli.setup import read_settings_file

    return read_settings_file(file)


def _account(name: str | None, settings: "SettingsFile | None") -> Account | None:
    """That of `--as`."""
    if name is None:
        return None
    from lab.cli.setup import known_user

    return known_user(name, settings.accounts if settings is not None else (JANE,))


def _recorded(name: str) -> bool:
    return name.endswith(RECORDING_ENDING)


def _verdict(file: Path, wrong: tuple[Complaint, ...], doubtful: tuple[Complaint, ...], *, strict: bool) -> FileVerdict:
    """What was found of a scenario, or of what lies beside a recording: complaints, and warnings."""
    lines = (*map(str, wrong), *(str(each._replace(what=f"warning: {each.what}")) for each in doubtful))
    problems = (*map(Problem.of, wrong), *(replace(Problem.of(each), warning=True) for each in doubtful))
    return FileVerdict(str(file), 2 if wrong or (strict and doubtful) else 0, problems, lines=lines)


def files_of(target: str, scenarios: str | None) -> list[Path]:
    """The scenario or recording, by path or a scenario's name, or all in the folder; UsageError if there are none."""
    path = Path(target)
    if not path.is_dir():
        there = path.is_file() or target.endswith(RECORDING_ENDING)
        return [path if there else scenario_path(target, scenarios_folder(scenarios))]
    files = scenario_files(path)
    files += sorted(file for ending in _OF_RECORDINGS for file in path.glob(f"*{ending}"))
    if not files:
        near = next(
            (each for each in sorted(path.iterdir()) if each.suffix.lower() in (*SCENARIO_ENDINGS, ".json")), None
        )
        what = f"{path} holds no scenarios." if near is None else f"{near} is no scenario, by its name."
        raise UsageError(what, hint=f"A scenario is a file NAME{SCENARIO_ENDING}.")
    return files


def known_callers(settings: "SettingsFile | None") -> KnownCallers:
    """Who may call a lab with such a settings file, or without one."""
    if settings is None:
        return KnownCallers((JANE.name,), JANE.roles, (DEMO.id,), from_file=False)
    clients = None if settings.switches.get("clients") == "any" else [each.id for each in settings.clients]
    users = pod_users(settings.clients, settings.accounts)
    roles = {role for each in users for role in each.roles}
    return KnownCallers([each.name for each in users], roles, clients)


def planned(
    file: Path,
    seed: Seed | None = None,
    switches: SwitchSettings = SwitchSettings(),  # noqa: B008 - a value
    known: "SettingsFile | None" = None,
    account: Account | None = None,
) -> list[str]:
    """The timeline that the seed settles, under the switches of the scenario, the settings and the environment.

    `account` asks; None: whoever asks in thought.
    """
    # only this needs plans
    from lab.cli.check.plan_caller import caller_of
    from lab.cli.check.plan_table import plan_table
    from lab.cli.setup import layers_of

    program = load_scenario(str(file), file.parent)
    layers = layers_of(switches, known.switches if known is not None else {})
    clients = known.clients if known is not None else (DEMO,)
    caller = caller_of(account, clients, program.scenario) if account is not None else None
    return plan_table(program, seed, layers.over(program.scenario.settings), caller)


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
