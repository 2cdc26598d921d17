"""`lab serve --from FILE`: a recording in the mock's place, for somebody's client (recordings.md §15)."""

from functools import partial

from msgspec.structs import replace

from lab.cli.console import Console
from lab.cli.recordings import load_recording, matchers_of
from lab.cli.serve.settings import PlaybackSettings
from lab.cli.setup import Setup, make_clock, read_settings_file
from lab.clocks import wall_second
from lab.core.errors import Divergence
from lab.mock.config import Config
from lab.mock.service import Service
from lab.recording.format.lines import CAPTURE
from lab.recording.format.reader import demand_closed
from lab.recording.playback.answers import leads_away
from lab.recording.playback.playback import PlaybackMode, PlaybackTerms, RecordingPlayback
from lab.recording.playback.service import PlaybackService
from lab.recording.tape.captured import config_of_capture, pod_hosts
from lab.recording.tape.header import BODIES, config_of, playback_header, with_secrets
from lab.settings import MockSettings


class RecordingPlayer:
    """One recording, and what came of playing it back."""

    def __init__(self, source: str, terms: PlaybackSettings, settings: MockSettings) -> None:
        """RecordingError if the recording isn't whole."""
        path, recording = load_recording(source)
        demand_closed(recording, str(path))
        assert recording.end is not None
        self._recording = recording
        self._label = partial(playback_header, file=path.name, sha256=recording.end.sha256)
        self._excepted = matchers_of(path)
        self._terms = terms
        self._service: PlaybackService | None = None
        self._settings = settings

    def setup(self) -> Setup:
        """What is served: the OAuth server of the recording, and no scenario."""
        file = read_settings_file(self._settings.switches.file)
        epoch = wall_second() if self._settings.epoch is None else self._settings.epoch
        if self._recording.header.source == CAPTURE:
            recorded = config_of_capture(self._recording, file.clients, file.accounts)
        else:
            recorded = with_secrets(config_of(self._recording, ()), file.clients, file.accounts)
        config = replace(recorded, epoch=epoch, base=self._settings.base or file.base, here="", prefix="")
        clock = make_clock(self._settings.clock)
        leads = leads_away(self._recording)
        return Setup(self._settings, config, clock, file.limits, self._make, self._label, leads)

    def _make(self, config: Config) -> Service:
        terms = self._terms
        ordered = PlaybackMode.STRICT if terms.strict else PlaybackMode.BY_COUNT
        how = PlaybackTerms(
            ordered if terms.strict or terms.by_count else PlaybackMode.ELASTIC,
            repeat=terms.repeat,
            faults=not terms.without_faults,
            latency=terms.latency != "none",
            shapes=self._recording.header.settings.get(BODIES) is not None,
            matchers=self._excepted.matchers if self._excepted else (),
        )
        playback = RecordingPlayback(self._recording, config.epoch, how)
        if self._recording.header.source == CAPTURE:
            playback.writer.hosts = pod_hosts(self._recording, config.origin)
        self._service = PlaybackService(config, playback)
        return self._service

    def conclude(self, console: Console) -> int:
        """Say what had no answer, and what was recorded and never came; 1 if anything had none."""
        if self._service is None:
            return 0
        for text in self._service.missed:
            console.err(f"no answer: {text}")
        for text in self._service.playback.left:
            console.err(f"recorded, and never came: {text}")
        return Divergence.exit_code if self._service.missed else 0
