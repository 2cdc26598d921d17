"""What is made of the parser: completion of shells, and the manual page."""

import subprocess
from io import StringIO
from pathlib import Path

import pytest

from lab.cli.console import Console
from lab.cli.main import run_command
from lab.cli.parser import commands, declared, grammar
from lab.core.errors import UsageError
from tests.conftest import each_row

OPTIONS = {
    name: {option for action in command._actions for option in action.option_strings if option.startswith("--")}
    for name, command in grammar({each: declared(each) for each in commands().values()})[1].items()
}


def printed(*argv: str) -> str:
    out = StringIO()
    assert run_command([*argv], Console(out, out)) == 0
    return out.getvalue()


@each_row("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_every_command_and_its_options(shell: str) -> None:
    script = printed("completion", shell)
    assert set(OPTIONS) == set(commands()) and len(OPTIONS["serve"]) > 20
    for name, options in OPTIONS.items():
        assert name in script
        for option in options:
            assert (f"-l {option[2:]}" if shell == "fish" else option) in script


@pytest.mark.parametrize(
    ("command", "word", "offered"),
    [
        ("serve", "--control-n", ["--control-name"]),
        ("run", "bad-l", ["bad-line"]),
        ("play", "rush", ["rush-hour"]),
        ("check", "bad-l", []),
    ],
)
def test_bash_offers_what_begins_so(command: str, word: str, offered: list[str], tmp_path: Path) -> None:
    script = printed("completion", "bash")
    line = f"lab {command} {word}"
    ask = f"COMP_WORDS=({line}); COMP_CWORD=2; COMP_LINE='{line}'; COMP_POINT={len(line)}"
    way = f'{script}\n{ask}\n$(complete -p lab | sed -E "s/.*-F ([^ ]+).*/\\1/") lab {word} {command}\necho "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "--norc", "-c", way], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.split() == offered


def test_another_shell_is_refused() -> None:
    from lab.cli.parser import read_call

    with pytest.raises(UsageError, match="invalid choice"):
        read_call(["completion", "csh"], Console())
