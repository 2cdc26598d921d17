"""Calls of the lab, one after another in one process: each argument is the words of a call, in JSON.

Of each a line is printed, in JSON: its exit code, and what went to stdout and to stderr.
"""

import io
import json
import sys

from lab.cli.console import Console
from lab.cli.main import run_command

for words in map(json.loads, sys.argv[1:]):
    out, err = io.StringIO(), io.StringIO()
    print(json.dumps([run_command(words, Console(out, err)), out.getvalue(), err.getvalue()]), flush=True)
