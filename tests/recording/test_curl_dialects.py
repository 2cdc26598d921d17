"""`lab show --as curl` of each kind of call, asked of a lab with a real curl: the same statuses."""

import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from lab.identity.clients import DEMO, JANE
from lab.recording.format.lines import Recording, Res
from lab.recording.format.reader import read
from lab.recording.show.curl_script import curl_script
from tests.cli.test_serve import listening
from tests.conftest import THOROUGH
from tests.forked import forked_lab
from tests.recording.dialect_sessions import SESSIONS, recorded
from tests.recording.hostile import no_blob
from tests.server.conftest import SCENARIO

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
SETTINGS = f"""
local_orchestrator: on
accounts:
  clients:
    - {{id: demo, secret: "{DEMO.secret}"}}
    - {{id: cli, public: true, redirects: ["http://127.0.0.1:8000/callback"]}}
  users:
    - {{name: jane, password: "{JANE.password}", display: Jane Doe}}
"""
KNOWN = {"client:demo": DEMO.secret, "user:jane": JANE.password}
FEW = ["invokeStream", "pod", "authorization code"]
"""Sessions that are asked again every time; LAB_THOROUGH=1: all."""
NEEDED = re.compile(r'^: "\$\{(LAB_[A-Z0-9_]+):\?has to be set: ([^}]*)\}"$', re.MULTILINE)


@pytest.fixture(scope="module")
def lab_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("lab")
    (folder / "scenarios").mkdir()
    (folder / "scenarios" / "consent.yaml").write_text(SCENARIO)
    (folder / "settings.yaml").write_text(SETTINGS)
    ports = ("--port", "0", "--control-port", "0", "--clock", "scaled:100")
    with forked_lab("serve", "consent", "--settings", "settings.yaml", "--json", *ports, cwd=folder) as process:
        yield listening(process)["base_url"]


@pytest.mark.long
@pytest.mark.parametrize("name", list(SESSIONS) if THOROUGH else FEW)
def test_asked_of_a_lab_it_gets_the_same_statuses(name: str, lab_url: str) -> None:
    assert_same_statuses(read(recorded(SESSIONS[name])[0], name), lab_url)


def assert_same_statuses(recording: Recording, lab_url: str) -> None:
    """What a shell that runs the recording's script gets of that lab."""
    script = "\n".join(curl_script(recording, no_blob)) + "\n"
    variables = {variable: KNOWN.get(alias, "x" * 50) for variable, alias in NEEDED.findall(script)}
    variables |= {"LAB_BASE": lab_url, "LAB_SPEED": "100", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(["sh"], input=script, env=variables, capture_output=True, text=True)
    found = dict(line.partition(",")[0].split(": ") for line in done.stdout.splitlines())
    assert (done.stderr, found) == ("", {str(line.x): str(line.status) for line in recording.of(Res)})
