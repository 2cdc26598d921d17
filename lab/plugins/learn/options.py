"""What `lab learn` is asked."""

from lab.options import Options, option
from lab.settings import scenario_name


class LearnSettings(Options):
    """What is learnt from, and what of it can't be known."""

    target: str = option("FILE", "a recording by path or bare name, a HAR file, or a VCR cassette")
    name: str | None = option("--name NAME", "what the scenario is called; default: after the file", scenario_name)
    status: str | None = option(
        "--status MEMBER", "of an API that the lab doesn't speak: what holds the status, as data.state; or http"
    )
    words: tuple[str, ...] = option(
        "--words STATUS=WORDS...", "what its words mean, as RUNNING=queued,in_progress", default=()
    )
    places: tuple[str, ...] = option(
        "--at WHAT=MEMBER...", "what holds ask (in the request), says, output, error, as output=result", default=()
    )
