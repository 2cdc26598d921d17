"""What the screen keeps from one start to the next: read before it shows, written when something changes on it."""

from msgspec import Struct, field
from msgspec.structs import replace

from lab.cli.console import Console
from lab.cli.run_settings import ScreenSettings
from lab.core.errors import LabError, ScenarioError
from lab.files.preferences import PreferencesFile
from lab.tui.state.preferences import Preferences, ScreenStart


def screen_start(settings: ScreenSettings, console: Console) -> ScreenStart:
    """How the screen begins: the command line before the file. What is wrong with the file is told of, and ends nothing."""
    file = PreferencesFile(settings.config)
    preferences, notice, first = Preferences(), "", False
    try:
        text = file.read()
        first = text is None
        if text is not None:
            from lab.tui.preference_syntax import parse_preferences

            preferences = parse_preferences(text, str(file.path))
    except LabError as error:
        notice = f"{_short(error, file)} Nothing of it holds."
        console.err(f"lab: {error.what}" if not isinstance(error, ScenarioError) else str(error))
    if settings.theme is not None:
        preferences = replace(preferences, theme=settings.theme)
    if settings.stage is not None:
        preferences = replace(preferences, stage=str(settings.stage))
    keep = ScreenStart().keep if notice else _Keeper(file).keep
    return ScreenStart(preferences, first, notice, keep)


class _Keeper(Struct):
    """Writes what changes into the file, as it lies there then: another lab may have written it meanwhile."""

    file: PreferencesFile = field(default_factory=PreferencesFile)

    def keep(self, name: str, value: str) -> str | None:
        """Keep another value; why not, if it can't be kept."""
        from lab.tui.preference_syntax import changed_text

        try:
            self.file.write(changed_text(self.file.read() or b"", name, value, str(self.file.path)))
        except LabError as error:
            return f"{_short(error, self.file)} {name} isn't kept."
        return None


def _short(error: LabError, file: PreferencesFile) -> str:
    """The first thing that is wrong, for one row."""
    if not isinstance(error, ScenarioError):
        return error.what.replace(str(file.path), file.path.name)
    first = error.complaints[0]
    return f"{file.path.name}:{first.line}: {first.what}."
