"""What is heavy is imported by who uses it alone: a start is quick."""

import subprocess
import sys

from tests.conftest import ROOT, each_row

SERVER = (
    ("lab.program.scenario", "jinja2 yaml lab.language"),
    ("lab.language.values", "faker"),
    ("lab.cli.commands.check", "lab.recording aiohttp"),
    ("lab.cli.commands.serve", "textual jwt cryptography faker trustme lab.recording lab.dialects.openapi"),
    ("lab.server.control.plane, lab.cli.serve.serving", "hiredis lab.stores lab.cli.serve.shared_lab lab.server.shared.batch_loop lab.server.shared.exchanges"),
    ("lab.stores.redis_log", "hiredis"),
)  # fmt: skip
SERVE = (
    (
        "lab.cli.commands.serve",
        "difflib lab.app lab.client lab.cli.request_log lab.cli.run lab.cli.serve.state_journal"
        " lab.cli.serve.workers lab.control lab.server.shared.worker_links lab.server.tls",
    ),
)
"""Of a lab that has none of these, no part is waited for."""
SCREEN = (
    ("lab.tui.panes.registry, lab.tui.line_mode, lab.tui.state.reduce", "textual aiohttp markdown_it"),
    ("lab.cli.commands.play", "lab.mock.service jwt"),
    ("lab.cli.commands.watch", "textual aiohttp lab.server lab.client"),
    ("lab.tui.app", "lab.server lab.client aiohttp markdown_it"),
)
DEMO = (
    ("lab.cli.commands.demo, lab.cli.screen", "aiohttp yaml lab.mock.service"),
    (
        "lab.tui.sources.live",
        "aiohttp yaml lab.mock.service lab.identity.endpoints.answer lab.client lab.tui.line_mode",
    ),
)
"""Before the first frame."""


def loaded(*lines: str) -> str:
    """What a fresh interpreter prints that runs these lines."""
    program = "\n".join(("import sys", *lines))
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@each_row("order", [SERVER, SERVE, SCREEN, DEMO], ids=["a server", "lab serve alone", "the screen", "a demo"])
def test_imports_stay_light(order: tuple[tuple[str, str], ...]) -> None:
    """Each imported after those before it, and what isn't loaded then."""
    lines = [
        f"import {modules}; print(*({{*{banned.split()!r}}} & {{*sys.modules}}), end='')" for modules, banned in order
    ]
    assert loaded(*lines) == ""


def test_help_loads_nothing_heavy() -> None:
    heavy = ["aiohttp", "textual", "jwt", "faker", "jinja2", "yaml", "asyncio", "socket"]
    lines = ("from lab.__main__ import main", "try: main(['--help'])", "except SystemExit: pass")
    printed = loaded(*lines, f"print('loaded:', *({{*{heavy!r}}} & {{*sys.modules}}))")
    assert printed.endswith("\nloaded:\n") and "demo" in printed


def test_plain_lines_that_cost_no_time_load_no_screen_and_no_sockets() -> None:
    lines = (
        "from lab.__main__ import main",
        f"assert not main(['demo', '--plain', '--speed', 'instant', '--scenarios', {str(ROOT / 'scenarios')!r}])",
    )
    assert loaded(*lines, "print('loaded:', *({'textual', 'aiohttp'} & {*sys.modules}))").endswith("\nloaded:\n")


NO_PLUGIN = """
print('of plugins:', *sorted(
    name for name in sys.modules
    if name.startswith('lab.plugins.') and name.count('.') > 2 and not name.endswith(('.plugin', '.options'))
))
"""


def test_of_a_plugin_nothing_but_its_declaration_is_loaded_before_it_is_used() -> None:
    """Nor but the options that it gives to a command, which are read with the command's own. By the help, a run, one over sockets, a served lab before its mock is made, the screen: each after those before it."""
    lines = (
        "from lab.__main__ import main",
        "try: main(['--help'])\nexcept SystemExit: pass",
        "main(['run', 'quick', '--speed', 'instant'])",
        "main(['run', 'quick', '--speed', '1000'])",
        "import lab.cli.commands.serve, lab.cli.serve.serving, lab.server.control.plane",
        "import lab.cli.commands.demo, lab.tui.app, lab.tui.sources.live",
    )
    printed = loaded(*(f"{line}\n{NO_PLUGIN}" for line in lines)).splitlines()
    assert [line for line in printed if line.startswith("of plugins:")] == ["of plugins:"] * len(lines)
