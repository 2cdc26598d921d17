"""What Python runs at its start where `lab rehearse --virtual` has put this folder on PYTHONPATH (lab/docs/clients.md §9).

The client then lives by its lab's clock from its first line on. Another module of this name goes on to be run, too.
"""

import atexit
import importlib
import importlib.util
import os
import sys
from types import ModuleType

_HERE = os.path.dirname(os.path.abspath(__file__))


def _start(control_url: str, token: str) -> None:
    """Begin virtual time; where that is impossible the process ends, for its time would be another."""
    # a name of its own: the client's environment need not have the lab, and may have another one
    package = ModuleType("_lab_testing")
    package.__path__ = [os.path.dirname(_HERE)]
    sys.modules[package.__name__] = package
    refused = importlib.import_module("_lab_testing.virtual_clock").VirtualTimeRefused
    block = importlib.import_module("_lab_testing.virtual_time").virtual_time(control_url, token)
    try:
        block.__enter__()
    except refused as error:
        os.write(2, f"VirtualTimeRefused: {error}\n".encode())
        os._exit(1)

    @atexit.register
    def end() -> None:
        try:
            block.__exit__(None, None, None)
        except refused as error:  # which the client may have swallowed
            os.write(2, f"VirtualTimeRefused: {error}\n".encode())


def _leave_no_trace() -> None:
    """The client finds path and environment as they would be without this; the module of this name that it has itself is run."""
    sys.path[:] = [each for each in sys.path if os.path.abspath(each or ".") != _HERE]
    rest = [each for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each != _HERE]
    os.environ.pop("PYTHONPATH", None)
    if any(rest):
        os.environ["PYTHONPATH"] = os.pathsep.join(rest)
    del sys.modules[__name__]
    if importlib.util.find_spec(__name__) is not None:
        importlib.import_module(__name__)


_lab = os.environ.pop("LAB_VIRTUAL_TIME", None)
if _lab is not None:
    _start(*_lab.split(" "))
_leave_no_trace()
