"""`lab replay --against URL`: a recording's requests to a real pod, or to another server (recordings.md §6.3)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import replace

from lab.cli.console import Console, report
from lab.cli.entropy import fresh_seed
from lab.cli.junit import CaseEnd
from lab.cli.loop import Stop, complete
from lab.cli.pods import allowed_origin, trust_in
from lab.cli.recordings import matchers_of
from lab.cli.setup import make_clock, read_settings_file
from lab.cli.verdicts import FileVerdict, Problem, form_of, problems_of
from lab.client.recorded_calls import send_recorded
from lab.client.transport import PodTransport, address
from lab.clocks import real_millis
from lab.core.clock import Millis
from lab.core.errors import Divergence, LabError, UsageError
from lab.files.recordings import open_recording
from lab.program.words import duration
from lab.recording.client_replay.plan import ClientPlan
from lab.recording.client_replay.planner import client_plan
from lab.recording.client_replay.polls import ClientTerms
from lab.recording.client_replay.replay import ClientReplay
from lab.recording.client_replay.values import Credentials, Origins, naming, wanted
from lab.recording.format.reader import demand_closed, read
from lab.recording.matchers import Matcher
from lab.recording.redaction.stand_ins import kind_of
from lab.recording.tape.header import owners_in
from lab.settings import ClockSettings, Flags, Settings, refuse_idle

_OF_A_MOCK = ("accept", "scenarios")
_FACTOR = re.compile(r"x([0-9]{1,4}(?:\.[0-9]{1,3})?)")


class PeerSettings(Settings, frozen=True):
    """The server that recordings are held against."""

    servers: tuple[str, str]
    """Where its API is, and its identity domain: an origin, or the URL of its token endpoint."""
    fast: bool = False
    factor: str = "1"
    """How many times the recorded pace."""
    patience: Millis | None = None
    tolerance: Millis | None = None
    ca: str | None = None
    """A file of certificates that are trusted beside the system's."""
    file: str | None = None
    """A settings file, whose accounts are the clients and users."""

    READ: ClassVar = {
        "servers": lambda flags: _servers(flags),
        "fast": lambda flags: flags["pace"] == "fast",
        "factor": lambda flags: _factor(flags["pace"] or "recorded"),
        "patience": lambda flags: _millis("--patience", flags["patience"]),
        "tolerance": lambda flags: _millis("--time-tolerance", flags["time_tolerance"]),
        "file": lambda flags: flags["settings"],
    }


def _servers(flags: Flags) -> tuple[str, str]:
    """The origins of the API and of the identity domain, the second with the path at which tokens are asked for, if any."""
    allowed = flags["allow_host"] or ()
    api, _ = allowed_origin("--against", flags["against"], allowed)
    variable = flags.variable("LAB_TOKEN_URL")
    if flags["tokens"] is not None:
        tokens = allowed_origin("--tokens", flags["tokens"], allowed, path=True)
    elif variable is not None:
        tokens = allowed_origin("LAB_TOKEN_URL", variable, allowed, path=True)
    else:
        tokens = api, ""
    return api, "".join(tokens)


def _factor(pace: str) -> str:
    if pace in ("recorded", "fast"):
        return "1"
    found = _FACTOR.fullmatch(pace)
    if found is None or not float(found[1]):
        raise UsageError(f"--pace: {pace} is no pace.", hint="Write recorded, fast, or a factor such as x20.")
    return found[1]


def _millis(option: str, text: str | None) -> Millis | None:
    try:
        return None if text is None else duration(text)
    except ValueError as error:
        raise UsageError(f"{option} {text}: {error}.", hint="Write it as 500ms, 90s or 10m.") from None


class _Prepared(Struct, frozen=True):
    """A recording that is ready to be sent."""

    file: str
    plan: ClientPlan
    credentials: Credentials
    matchers: Sequence[Matcher]


def replay_against(files: Sequence[Path], flags: Flags, console: Console) -> list[FileVerdict]:
    """Replay each to the server; UsageError, before anything is sent, if a secret is missing. HostError's are the file's."""
    refuse_idle(flags, _OF_A_MOCK, "--against: nothing is replayed in a mock")
    settings = flags.into(PeerSettings)
    trust = trust_in(settings.ca)
    missing: dict[str, Mapping[str, str]] = {}
    owners: dict[str, str] = {}
    prepared = [_prepare(file, settings, flags, console, missing, owners) for file in files]
    if missing:
        raise UsageError("\n".join(_needs(*each) for each in missing.items()), hint=_hint(missing.values(), owners))

    quiet = form_of(flags) == "json"

    async def work(_: Stop) -> list[FileVerdict]:
        done: list[FileVerdict] = []
        for one in prepared:
            if isinstance(one, _Prepared):
                since, transport = real_millis(), PodTransport(*settings.servers, trust)
                found = await _replay(one, settings, transport, console, quiet=quiet)
                one = replace(found, took=real_millis() - since)
            done.append(one)
        return done

    return complete(work)


def _prepare(
    file: Path,
    settings: PeerSettings,
    flags: Flags,
    console: Console,
    missing: dict[str, Mapping[str, str]],
    owners: dict[str, str],
) -> "_Prepared | FileVerdict":
    """Read one; the variables that it needs and nobody gives are added to `missing`, with what they stand for."""
    try:
        recording = read(open_recording(file), str(file))
        demand_closed(recording, str(file))
        excepted = matchers_of(file)
        plan = client_plan(recording)
        variables = wanted(plan, Origins(recording))
        owners.update(owners_in(recording))
        credentials = _credentials(variables, owners_in(recording), settings, flags)
    except LabError as error:
        report(error, console)
        return FileVerdict(str(file), error.exit_code, problems_of(error, str(file)), CaseEnd.ERROR, "client")
    lacking = {name: alias for name, alias in variables.items() if alias not in credentials.secrets}
    if lacking:
        missing[str(file)] = lacking
    return _Prepared(str(file), plan, credentials, excepted.matchers if excepted else ())


def _needs(file: str, missing: Mapping[str, str]) -> str:
    return f"{file} needs {', '.join(f'{name} ({alias})' for name, alias in missing.items())}."


def _hint(missing: Iterable[Mapping[str, str]], owners: Mapping[str, str]) -> str:
    """How to give what is missing: a settings file knows accounts that have a name, and no other secrets."""
    variables = {name: alias for each in missing for name, alias in each.items()}
    export = f"Export what they are at that server, as {next(iter(variables))}=…"
    for kind, member in (("client", "clients: [{id: %s, secret: …}]"), ("user", "users: [{name: %s, password: …}]")):
        for word in variables.values():
            if kind_of(word) == kind and word in owners:
                account = f"accounts: {{{member % owners[word]}}}"
                return f"{export}; of another lab, a settings file will do that has {account} (--settings FILE)."
    return f"{export}."


def _credentials(
    variables: Mapping[str, str], owners: Mapping[str, str], settings: PeerSettings, flags: Flags
) -> Credentials:
    """What the environment says, else the settings file, for each alias that the recording wants."""
    known: dict[str, str] = {}
    if settings.file is not None:
        file = read_settings_file(settings.file)
        secrets_by_name = {("client", each.id): each.secret for each in file.clients if each.secret}
        secrets_by_name |= {("user", each.name): each.password for each in file.accounts}
        known = {
            word: secret
            for word, name in owners.items()
            if (secret := secrets_by_name.get((kind_of(word), name))) is not None
        }
    secrets, names = dict[str, str](), dict[str, str]()
    for variable, alias in variables.items():
        value = flags.variable(variable) or known.get(alias)
        if value is not None:
            secrets[alias] = value
        name = flags.variable(naming(variable)) if kind_of(alias) in ("client", "user") else None
        if name is not None:
            names[owners.get(alias, alias)] = name
    return Credentials(secrets, names, flags.variable("LAB_SCOPE") or "")


async def _replay(
    one: _Prepared, settings: PeerSettings, transport: PodTransport, console: Console, *, quiet: bool
) -> FileVerdict:
    """`quiet`: stdout is for programs."""
    terms = ClientTerms(
        settings.fast, float(settings.factor), settings.patience, settings.tolerance, f"{fresh_seed():06x}"
    )
    api, tokens = settings.servers
    origins = api, str(address(tokens).origin())
    machine = ClientReplay(one.plan, one.credentials, origins, terms, one.matchers)
    kind = ClockSettings("scaled", settings.factor) if settings.factor != "1" else ClockSettings()
    try:
        await send_recorded(machine, transport, make_clock(kind))
    except LabError as error:
        report(error, console)
        return FileVerdict(one.file, error.exit_code, problems_of(error, one.file), CaseEnd.ERROR, "client")
    finally:
        await transport.close()
    found = machine.result()
    if text := found.text():
        (console.err if found.passed or quiet else console.out)(text)
    problems = tuple(Problem(each.line, each.what, details="\n".join(each.diff)) for each in found.differences)
    return FileVerdict(one.file, 0 if found.passed else Divergence.exit_code, problems, judge="client")
