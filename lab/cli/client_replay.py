"""`lab replay --against URL`: a recording's requests to a real pod, or to another server (recordings.md §6.3)."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import replace

from lab.cli.console import Console, report
from lab.cli.entropy import fresh_seed
from lab.cli.loop import Stop, complete
from lab.cli.pods import allowed_origin, trust_in
from lab.cli.recordings import matchers_of
from lab.cli.setup import make_clock, read_settings_file
from lab.cli.verdicts import FileVerdict, tell_replay
from lab.client.recorded_calls import send_recorded
from lab.client.transport import PodTransport, address
from lab.clocks import real_millis
from lab.core.clock import Millis
from lab.core.errors import LabError, UsageError
from lab.files.recordings import open_recording
from lab.recording.client_replay.plan import ClientPlan, client_plan
from lab.recording.client_replay.polls import ClientTerms
from lab.recording.client_replay.replay import ClientReplay
from lab.recording.client_replay.values import Credentials, naming, wanted
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
        "tolerance": lambda flags: flags["time_tolerance"],
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


class _Prepared(Struct, frozen=True):
    """A recording that is ready to be sent."""

    file: str
    plan: ClientPlan
    credentials: Credentials
    matchers: Sequence[Matcher]
    owners: Mapping[str, str]
    lacking: Mapping[str, str]
    """The variables that it needs and nobody gives, and what they stand for."""


def replay_against(files: Sequence[Path], flags: Flags, console: Console) -> list[FileVerdict]:
    """Replay each to the server; UsageError, before anything is sent, if a secret is missing. HostError's are the file's."""
    refuse_idle(flags, _OF_A_MOCK, "--against: nothing is replayed in a mock")
    settings = flags.into(PeerSettings)
    trust = trust_in(settings.ca)
    prepared = [_prepare(file, settings, flags, console) for file in files]
    if lacking := [one for one in prepared if isinstance(one, _Prepared) and one.lacking]:
        needs = ((one.file, (f"{name} ({word})" for name, word in one.lacking.items())) for one in lacking)
        raise UsageError("\n".join(f"{file} needs {', '.join(each)}." for file, each in needs), hint=_hint(lacking))

    async def work(_: Stop) -> list[FileVerdict]:
        done: list[FileVerdict] = []
        for one in prepared:
            if isinstance(one, _Prepared):
                since, transport = real_millis(), PodTransport(*settings.servers, trust=trust)
                found = await _replay(one, settings, transport, flags, console)
                one = replace(found, took=real_millis() - since)
            done.append(one)
        return done

    return complete(work)


def _prepare(file: Path, settings: PeerSettings, flags: Flags, console: Console) -> _Prepared | FileVerdict:
    try:
        recording = read(open_recording(file), str(file))
        demand_closed(recording, str(file))
        excepted, plan, owners = matchers_of(file), client_plan(recording), owners_in(recording)
        variables = wanted(plan)
        credentials = _credentials(variables, owners, settings, flags)
    except LabError as error:
        report(error, console)
        return FileVerdict.of_error(error, str(file), "client")
    lacking = {name: word for name, word in variables.items() if word not in credentials.secrets}
    return _Prepared(str(file), plan, credentials, excepted.matchers if excepted else (), owners, lacking)


def _hint(lacking: Sequence[_Prepared]) -> str:
    """How to give what is missing: a settings file knows accounts that have a name, and no other secrets."""
    export = f"Export what they are at that server, as {next(iter(lacking[0].lacking))}=…"
    for kind, member in (("client", "clients: [{id: %s, secret: …}]"), ("user", "users: [{name: %s, password: …}]")):
        for owner in (
            one.owners.get(word) for one in lacking for word in one.lacking.values() if kind_of(word) == kind
        ):
            if owner is not None:
                account = f"accounts: {{{member % owner}}}"
                return f"{export}; of another lab, a settings file will do that has {account} (--settings FILE)."
    return f"{export}."


def _credentials(
    variables: Mapping[str, str], owners: Mapping[str, str], settings: PeerSettings, flags: Flags
) -> Credentials:
    """What the environment says, else the settings file, for each stand-in that the recording wants."""
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
    one: _Prepared, settings: PeerSettings, transport: PodTransport, flags: Flags, console: Console
) -> FileVerdict:
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
        return FileVerdict.of_error(error, one.file, "client")
    finally:
        await transport.close()
    tell_replay(machine.result(), flags, console)
    return FileVerdict.of_replay(machine.result(), one.file, "client")
