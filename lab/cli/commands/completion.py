"""`lab completion`: what completes the command line in a shell, made of the parser."""

from collections.abc import Iterable
from typing import Any

import shtab

from lab.cli.command_settings import CompletionSettings
from lab.cli.console import Console
from lab.cli.parser import commands, declared, grammar
from lab.files.recordings import RECORDING_ENDING, RECORDINGS
from lab.files.scenarios import SCENARIOS, scenario_names, shipped_folder

_PLACES = {"FILE": shtab.FILE, "PATH": shtab.FILE, "CAPTURE": shtab.FILE, "DIR": shtab.DIR}
"""By the placeholder of a value: which names on disk stand for it."""


_FUNCTIONS = {
    "bash": '{name}() {{ compgen -W \'{words}\' -- "$1"; _shtab_compgen_files "$1"; }}',
    "zsh": "{name}() {{ compadd -- {words}; _files; }}",
    "fish": "function {name}\n  string split ' ' '{words}'\n  __fish_complete_path (commandline -ct)\nend",
}
"""What offers words, and files beside them, by the shell."""


def _words_and_files(name: str, words: Iterable[str]) -> dict[str, Any]:
    offered = " ".join(words)
    preamble = {shell: text.format(name=name, words=offered) for shell, text in _FUNCTIONS.items()}
    return {"bash": name, "zsh": name, "fish": f"({name})", "preamble": preamble}


def execute(settings: CompletionSettings, console: Console) -> int:
    """Print the script of the shell."""
    root, parsers = grammar({each: declared(each) for each in commands().values()})
    recordings = sorted(each.name.removesuffix(RECORDING_ENDING) for each in shipped_folder(RECORDINGS).glob("*.jsonl"))
    places = {
        **_PLACES,
        "SCENARIO": _words_and_files("_lab_scenarios", scenario_names(shipped_folder(SCENARIOS))),
        "RECORDING": _words_and_files("_lab_recordings", recordings),
    }
    for parser in parsers.values():
        for action in parser._actions:
            place = action.metavar or action.dest
            # shtab looks at an attribute that argparse doesn't know
            if isinstance(place, str) and place in places:
                action.complete = places[place]  # type: ignore[attr-defined]
    console.out(shtab.complete(root, settings.shell).rstrip("\n"))
    return 0
