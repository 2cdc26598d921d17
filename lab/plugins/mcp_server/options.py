"""What `lab mcp` is asked."""

from lab.cli.serve.settings import chosen_token
from lab.core.clock import Millis
from lab.options import Options, number, option, setting, span, switch, variable
from lab.settings import TOKEN_VARIABLE


class McpSettings(Options):
    """How agents reach the tools."""

    http: bool = switch("--http", "over HTTP on this machine, opened by the control token; default: stdin and stdout")
    port: int = option("--port PORT", "of HTTP; default: 8090", number(0, 65_535), needs=("--http",), default=8090)
    idle: Millis = option(
        "--idle DURATION", "when a lab ends that nobody calls; default: 30m", span, needs=("--http",), default=1_800_000
    )
    """In real milliseconds."""
    token: str | None = setting(variable(TOKEN_VARIABLE, chosen_token, secret=True))
    """The control token; None: a fresh one at each start."""
