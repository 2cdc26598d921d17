"""`lab check`: every complaint and every warning about scenarios; what must not be committed in recordings."""

from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from lab.cli.check.scenario_checks import ParsedScenario, parse_files, shadow_warnings
from lab.cli.console import Console
from lab.cli.junit import CaseEnd
from lab.cli.verdicts import WORST_FIRST, FileVerdict, Problem, form_of, tell
from lab.clocks import real_millis, wall_second
from lab.core.errors import Complaint, UsageError
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
from lab.settings import Flags, ScenarioSettings, SwitchSettings

if TYPE_CHECKING:
    from lab.cli.setup import SettingsFile


_OF_RECORDINGS = (RECORDING_ENDING, MATCHERS_ENDING, ALLOWED_ENDING)


def execute(flags: Flags, console: Console) -> int:
    """Print complaints and warnings as results; 2 on a complaint, with `--strict` on a warning too.

    3 on a leak, or a recording that can't be read, isn't closed, or lacks a long body.
    """
    began = wall_second()
    if flags["caller"] is not None and not flags["plan"]:
        raise UsageError("--as says for whom --plan plans.", hint="Write --plan too.")
    files = [file for target in flags["targets"] for file in files_of(target, flags["scenarios"])]
    settings = _settings(flags)
    account = _account(flags, settings)
    parsed = parse_files(file for file in files if not file.name.endswith(_OF_RECORDINGS))
    shadows = shadow_warnings(parsed.values())
    verdicts: list[FileVerdict] = []
    for file in files:
        since = real_millis()
        if _recorded(file.name):
            from lab.cli.check.recording_checks import check_recording  # a scenario needs nothing of recordings

            verdict = check_recording(file, flags, console)
        elif (scenario := parsed.get(file)) is None:
            from lab.cli.check.recording_checks import check_beside

            verdict = _verdict(file, (check_beside(file), ()), flags, console)
        else:
            verdict = _check(scenario, shadows.get(file), flags, console, settings, account)
        verdicts.append(replace(verdict, took=real_millis() - since))
    tell("check", verdicts, flags, console, began)
    unreadable = sum(each.kind is CaseEnd.ERROR for each in verdicts)
    found = [(_recorded(each.file), problem.warning) for each in verdicts for problem in each.problems]
    hits = found.count((True, False)) - unreadable
    warnings, complaints = sum(warning for _, warning in found), found.count((False, False))
    counts = [_count(len(files), "file"), _count(complaints, "complaint"), _count(warnings, "warning")]
    counts += [_count(hits, "leak")] if hits else []
    console.err(", ".join([*counts, f"{unreadable} unreadable"] if unreadable else counts))
    if form_of(flags) == "json":
        passed = sum(each.code == 0 for each in verdicts)
        console.json({"passed": passed, "failed": len(verdicts) - passed})
    codes = [each.code for each in verdicts]
    return next((code for code in WORST_FIRST if code in codes), 0)


def _settings(flags: Flags) -> "SettingsFile | None":
    if flags["settings"] is None:
        return None
    from lab.cli.setup import read_settings_file

    return read_settings_file(flags["settings"])


def _account(flags: Flags, settings: "SettingsFile | None") -> Account | None:
    """That of `--as`."""
    if flags["caller"] is None:
        return None
    from lab.cli.setup import known_user

    return known_user(flags["caller"], settings.accounts if settings is not None else (JANE,))


def _recorded(name: str) -> bool:
    return name.endswith(RECORDING_ENDING)


def _check(
    scenario: ParsedScenario,
    shadow: Complaint | None,
    flags: Flags,
    console: Console,
    settings: "SettingsFile | None",
    account: Account | None,
) -> FileVerdict:
    """Say what was found of a scenario, with the warning that another leaves it nothing, and what is planned."""
    doubtful = (*scenario.warnings(known_callers(settings)), *([shadow] if shadow is not None else ()))
    verdict = _verdict(scenario.file, (scenario.complaints, tuple(sorted(doubtful))), flags, console)
    if flags["plan"] and not scenario.complaints and form_of(flags) != "json":
        for line in planned(scenario.file, flags, settings, account):
            console.out(line)
    return verdict


def _verdict(
    file: Path, found: tuple[tuple[Complaint, ...], tuple[Complaint, ...]], flags: Flags, console: Console
) -> FileVerdict:
    """Say what was found of a scenario, or of what lies beside a recording: complaints, and warnings."""
    say, (wrong, doubtful) = console.err if form_of(flags) == "json" else console.out, found
    for complaint in wrong:
        say(str(complaint))
    for complaint in doubtful:
        say(str(complaint._replace(what=f"warning: {complaint.what}")))
    problems = (*map(Problem.of, wrong), *(replace(Problem.of(each), warning=True) for each in doubtful))
    return FileVerdict(str(file), 2 if wrong or (flags["strict"] and doubtful) else 0, problems)


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
    file: Path, flags: Flags, settings: "SettingsFile | None" = None, account: Account | None = None
) -> list[str]:
    """The timeline that the seed settles, under the switches of the scenario, the settings and the environment.

    `account` asks; None: whoever asks in thought.
    """
    # only this needs plans
    from lab.cli.check.plan_caller import caller_of
    from lab.cli.check.plan_table import plan_table
    from lab.cli.setup import layers_of

    program = load_scenario(str(file), file.parent)
    switches = layers_of(flags.into(SwitchSettings), settings.switches if settings is not None else {}).over(
        program.scenario.settings
    )
    clients = settings.clients if settings is not None else (DEMO,)
    caller = caller_of(account, clients, program.scenario) if account is not None else None
    return plan_table(program, flags.into(ScenarioSettings).seed, switches, caller)


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
