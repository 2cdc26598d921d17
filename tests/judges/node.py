"""Sets Node's OAuth clients on the mock, where node and npm are there: `python -m tests.judges.node`."""

import os
import subprocess
import sys
import time

from lab.identity.clients import DEMO, JANE, aistudio_cli
from tests.judges.apart import Environment, has_node
from tests.judges.conftest import QUICK
from tests.server.served import SCOPE, serving

OAUTH = Environment("oauth-node", ("openid-client@6", "simple-oauth2@5"), node=True)


def judge(profile: str) -> int:
    """The exit code of node's own test runner; the clients compare times with the wall, so the epoch is now."""
    with serving(QUICK, profile=profile, epoch=int(time.time())) as world:
        shown = {
            "ORIGIN": world.origin, "PROFILE": profile, "CLIENT": DEMO.id, "SECRET": DEMO.secret, "SCOPE": SCOPE,
            "CLI": aistudio_cli("acme-test").id, "USER": JANE.name, "PASSWORD": JANE.password,
            "REDIRECT": DEMO.redirects[0],
        }  # fmt: skip
        command = OAUTH.command("oauth.mjs", "--test")
        return subprocess.run(command, env=os.environ | shown, check=False, timeout=120).returncode


if __name__ == "__main__":
    if not has_node():
        sys.exit("node or npm is missing, or too old: this job is for machines that have them")
    sys.exit(max(judge(profile) for profile in ("oci", "rfc")))
