"""What a lab has at hand after its first token: forked ones begin with it, so none of them loads and compiles it anew.

It comes last of what is loaded before: the garbage collector, which writes to whatever it looks at, looks at none of it.
"""

import gc
from pathlib import Path

from lab.files.scenarios import load_scenarios
from tests.wire_peer import service, token_request

load_scenarios(Path(__file__).parents[1] / "scenarios")
service().serve(token_request("client_credentials"), 0)
gc.collect()
gc.freeze()
