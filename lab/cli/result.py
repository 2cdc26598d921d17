"""What a command found, once, and in every form in which it is wanted: text, JSON, JUnit, annotations of a runner, a page."""

from collections.abc import Callable, Sequence
from html import escape

from msgspec import Struct

from lab.cli.console import Console, report
from lab.cli.junit import CaseEnd, JunitCase, junit_file
from lab.cli.runner import LONGEST_SUMMARY, Note, annotations
from lab.core.errors import HostError, UsageError
from lab.core.exchange import Json, text_of
from lab.files.artifacts import append_text, write_text
from lab.files.recordings import RECORDING_ENDING
from lab.files.scenarios import SCENARIO_ENDINGS
from lab.options import BadValue, Option, Options, flag, option, setting
from lab.settings import Environment

RESULT_FORMS = ("text", "json", "junit", "github", "html")
_STYLE = "body{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}pre{white-space:pre-wrap}"
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def _written(text: str) -> tuple[str, str]:
    """A form and the file that gets it."""
    form, _, file = text.partition("=")
    if form not in RESULT_FORMS or not file:
        raise BadValue("no form and file", f"Write FORM=FILE; forms are {', '.join(RESULT_FORMS)}.")
    if file.endswith((*SCENARIO_ENDINGS, RECORDING_ENDING)):
        raise BadValue("by its name that is a scenario or a recording, which it would go over", "Name another file.")
    return form, file


_JSON = flag("--json", "short for --format json", excludes={"--format": "it is a form itself"}, const="json")
_FORM = Option("--format", "on stdout; default: text, and github where GITHUB_ACTIONS=true", choices=RESULT_FORMS)


class OutputSettings(Options):
    """In which forms a result is wanted."""

    GROUP = "what comes out"

    given: str | None = setting(_FORM, _JSON)
    files: tuple[tuple[str, str], ...] = option(
        "--out FORM=FILE...", "write that form there, too, as junit=report.xml", _written, default=()
    )
    environment: Environment = Environment()

    @property
    def form(self) -> str:
        """That of stdout."""
        return self.given or ("github" if self.environment.github else "text")

    def __post_init__(self) -> None:
        names = [file for _, file in self.files]
        for name in names:
            if names.count(name) > 1:
                raise UsageError(f"--out names {name} twice.", hint="A file holds one form.")


_PAGE_FORMS = ("text", "json", "html")


def _page_written(text: str) -> tuple[str, str]:
    """The same of a result that is none for a runner."""
    form, file = _written(text)
    if form not in _PAGE_FORMS:
        raise BadValue(f"nothing passes or fails that {form} could tell", f"Forms are {', '.join(_PAGE_FORMS)}.")
    return form, file


class PageOutputSettings(OutputSettings):
    """The same of a result that passes or fails nothing, and so is none for a runner."""

    given: str | None = setting(Option("--format", "on stdout; default: text", choices=_PAGE_FORMS), _JSON)
    files: tuple[tuple[str, str], ...] = option(
        "--out FORM=FILE...", "write that form there, too, as html=page.html", _page_written, default=()
    )

    @property
    def form(self) -> str:
        """That of stdout."""
        return self.given or "text"


class CommandResult(Struct):
    """What a command found."""

    title: str
    """The command, as `lab replay`."""
    code: int = 0
    """Its exit code."""
    lines: Sequence[str] = ()
    """As text."""
    documents: Sequence[Json] = ()
    """As JSON, a line each."""
    suites: Sequence[tuple[str, Sequence[JunitCase]]] = ()
    """As testcases, by the name of each suite."""
    notes: Sequence[Note] = ()
    """What a runner shows beside the lines of files."""
    summary: Sequence[str] = ()
    """Lines of Markdown, for the page of a run."""
    page: Callable[[], str] | None = None
    """As a page for browsers; None: the lines and the testcases are."""
    remarks: Sequence[str] = ()
    """What is said on stderr, whatever the form."""
    beside: Sequence[str] = ()
    """What people are told on stderr where stdout has a form for programs."""
    began: str = ""
    """When, as 2026-01-01T00:00:00.000Z."""

    def text(self, form: str) -> str:
        """It in that form, whole."""
        match form:
            case "json":
                return "\n".join(map(text_of, self.documents))
            case "junit":
                return junit_file(*self.suites, began=self.began)
            case "html":
                return self._page() if self.page is None else self.page()
            case "github":
                return "\n".join(annotations(self.title, self.notes))
            case _:
                return "\n".join(self.lines)

    def _page(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(case.group)}</td><td>{escape(case.name)}</td><td>{_END[case.end]}</td></tr>\n"
            for _, cases in self.suites
            for case in cases
        )
        return (
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(self.title)}</title>\n'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"><style>{_STYLE}</style>\n'
            f"<h1>{escape(self.title)}</h1>\n<table>\n{rows}</table>\n<pre>{escape(self.text('text'))}</pre></html>\n"
        )


_END = {
    None: "passed",
    CaseEnd.TOLD: "passed",
    CaseEnd.FAILURE: "failed",
    CaseEnd.ERROR: "unreadable",
    CaseEnd.SKIPPED: "-",
}


def tell(result: CommandResult, output: OutputSettings, console: Console) -> int:
    """Print it, and write it where that is wanted; its exit code. The files are written first: a reader may go away."""
    for form, file in output.files:
        write_text(file, result.text(form).rstrip("\n") + "\n")
    match output.form:
        case "json":
            for document in result.documents:
                console.json(document)
        case "github":  # what the runner obeys, then what people read, of which the last line stands alone
            for line in annotations(result.title, result.notes):
                console.command(line)
            for line in result.lines:
                console.out(line)
            _summarize(result, output.environment.summary, console)
        case form:
            if text := result.text(form).rstrip("\n"):
                console.out(text)
    for remark in (*(result.beside if output.form in ("json", "junit", "html") else ()), *result.remarks):
        console.err(remark)
    return result.code


def _summarize(result: CommandResult, file: str | None, console: Console) -> None:
    """The page of the run gets its summary; that it can't be written ends nothing."""
    if file is None or not result.summary:
        return
    text = "\n".join(result.summary)
    try:
        append_text(file, f"{text}\n\n", LONGEST_SUMMARY)
    except HostError as error:
        report(error, console)
