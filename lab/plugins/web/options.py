"""What `lab demo` is asked of a page in a browser."""

from lab.options import Options, number, option

_EACH_VISITOR = "each visitor has a run of their own"


class WebSettings(Options):
    """Where the page is."""

    port: int = option(
        "--web PORT",
        "in a browser of this machine; default: 8000",
        number(1, 65_535),
        alone="8000",
        excludes=dict.fromkeys(("--record", "--port", "--control-port", "--phone"), _EACH_VISITOR),
    )
