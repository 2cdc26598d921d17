"""`lab replay --against URL`: a recording's requests to a real pod, or to another server (recordings.md §6.3)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from lab.cli.command_settings import AgainstSettings, ReplaySettings
from lab.cli.console import Console, report
from lab.cli.entropy import fresh_seed
from lab.cli.loop import Stop, complete
from lab.cli.pods import allowed_origin, trust_in
from lab.cli.recordings import matchers_of
from lab.cli.setup import make_clock, read_settings_file
from lab.cli.verdicts import FileVerdict
from lab.client.recorded_calls import send_recorded
from lab.client.transport import PodTransport, address
from lab.clocks import real_millis
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
from lab.settings import ClockSettings


def _servers(api: str, settings: AgainstSettings) -> tuple[str, str]:
    """The origins of the API and of the identity domain, the second with the path at which tokens are asked for, if any."""
    origin, _ = allowed_origin("--against", api, settings.allowed)
    for option, url in (("--tokens", settings.tokens), ("LAB_TOKEN_URL", settings.token_url)):
        if url is not None:
            return origin, "".join(allowed_origin(option, url, settings.allowed, path=True))
    return origin, origin


class _Prepared(Struct, frozen=True):
    """A recording that is ready to be sent."""

    file: str
    plan: ClientPlan
    credentials: Credentials
    matchers: Sequence[Matcher]
    owners: Mapping[str, str]
    lacking: Mapping[str, str]
    """The variables that it needs and nobody gives, and what they stand for."""


def replay_against(files: Sequence[Path], api: str, settings: ReplaySettings, console: Console) -> list[FileVerdict]:
    """Replay each to the server; UsageError, before anything is sent, if a secret is missing. HostError's are the file's."""
    against, servers = settings.against, _servers(api, settings.against)
    trust = trust_in(against.ca)
    prepared = [_prepare(file, against, settings.environment, console) for file in files]
    if lacking := [one for one in prepared if isinstance(one, _Prepared) and one.lacking]:
        needs = ((one.file, (f"{name} ({word})" for name, word in one.lacking.items())) for one in lacking)
        raise UsageError("\n".join(f"{file} needs {', '.join(each)}." for file, each in needs), hint=_hint(lacking))

    async def work(_: Stop) -> list[FileVerdict]:
        done: list[FileVerdict] = []
        for one in prepared:
            if isinstance(one, _Prepared):
                since, transport = real_millis(), PodTransport(*servers, trust=trust)
                found = await _replay(one, against, servers, transport, console)
                one = replace(found, took=real_millis() - since)
            done.append(one)
        return done

    return complete(work)


def _prepare(
    file: Path, settings: AgainstSettings, environment: Mapping[str, str], console: Console
) -> _Prepared | FileVerdict:
    try:
        recording = read(open_recording(file), str(file))
        demand_closed(recording, str(file))
        excepted, plan, owners = matchers_of(file), client_plan(recording), owners_in(recording)
        variables = wanted(plan)
        credentials = _credentials(variables, owners, settings, environment)
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
    variables: Mapping[str, str], owners: Mapping[str, str], settings: AgainstSettings, environment: Mapping[str, str]
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
        value = environment.get(variable) or known.get(alias)
        if value:
            secrets[alias] = value
        name = environment.get(naming(variable)) if kind_of(alias) in ("client", "user") else None
        if name:
            names[owners.get(alias, alias)] = name
    return Credentials(secrets, names, environment.get("LAB_SCOPE", ""))


async def _replay(
    one: _Prepared, settings: AgainstSettings, servers: tuple[str, str], transport: PodTransport, console: Console
) -> FileVerdict:
    factor = settings.pace.removeprefix("x") if settings.pace.startswith("x") else "1"
    terms = ClientTerms(
        settings.pace == "fast", float(factor), settings.patience, settings.tolerance, f"{fresh_seed():06x}"
    )
    api, tokens = servers
    origins = api, str(address(tokens).origin())
    machine = ClientReplay(one.plan, one.credentials, origins, terms, one.matchers)
    kind = ClockSettings("scaled", factor) if factor != "1" else ClockSettings()
    try:
        await send_recorded(machine, transport, make_clock(kind))
    except LabError as error:
        report(error, console)
        return FileVerdict.of_error(error, one.file, "client")
    finally:
        await transport.close()
    return FileVerdict.of_replay(machine.result(), one.file, "client")
