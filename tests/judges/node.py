"""Sets Node's OAuth clients on the mock, where node and npm are there: `python -m tests.judges.node [FOLDER]`.

FOLDER keeps what npm installs; without one it goes into a folder that is thrown away.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lab.identity.clients import DEMO, JANE, aistudio_cli
from tests.judges.conftest import QUICK
from tests.server.served import SCOPE, serving

PACKAGES = ("openid-client@6", "simple-oauth2@5")
CLIENTS = Path(__file__).with_name("clients.mjs")


def judge(folder: Path, profile: str) -> int:
    """The exit code of node's own test runner; the clients compare times with the wall, so the epoch is now."""
    with serving(QUICK, profile=profile, epoch=int(time.time())) as world:
        reported = {
            "ORIGIN": world.origin, "PROFILE": profile, "CLIENT": DEMO.id, "SECRET": DEMO.secret, "SCOPE": SCOPE,
            "CLI": aistudio_cli("acme-test").id, "USER": JANE.name, "PASSWORD": JANE.password,
            "REDIRECT": DEMO.redirects[0],
        }  # fmt: skip
        return subprocess.run(
            ["node", "--test", "clients.mjs"], cwd=folder, env=os.environ | reported, check=False, timeout=120
        ).returncode


def main(folder: Path) -> int:
    """Install, and judge both profiles."""
    (folder / "package.json").write_text('{"private":true}\n')
    shutil.copy(CLIENTS, folder)
    subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", *PACKAGES], cwd=folder, check=True)
    return max(judge(folder, profile) for profile in ("oci", "rfc"))


if __name__ == "__main__":
    if shutil.which("node") is None or shutil.which("npm") is None:
        sys.exit("node or npm is missing: this job is for machines that have them")
    if len(sys.argv) > 1:
        sys.exit(main(Path(sys.argv[1])))
    with tempfile.TemporaryDirectory() as created:
        sys.exit(main(Path(created)))
