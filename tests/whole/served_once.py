"""Serves a scenario, and has a client of the standard library take one job to its end: exit 0 if that works."""

import json
import subprocess
import sys
from base64 import b64encode
from urllib.parse import urlencode
from urllib.request import Request, urlopen


def ask(url: str, body: bytes | None, **headers: str) -> dict[str, object]:
    """The JSON that a call is answered."""
    with urlopen(Request(url, body, headers), timeout=10) as answer:
        found: dict[str, object] = json.load(answer)
        return found


def main() -> int:
    """Token, invoke, and polls on a manual clock."""
    serve = (sys.executable, "-m", "lab", "serve", "quick", "--port", "0", "--control-port", "0", "--clock", "manual")
    with subprocess.Popen([*serve, "--json", "--with-parent"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as lab:
        try:
            assert lab.stdout is not None
            where: dict[str, str] = json.loads(lab.stdout.readline())
            pair = b64encode(f"{where['client_id']}:{where['client_secret']}".encode()).decode()
            form = urlencode({"grant_type": "client_credentials", "scope": where["scope"]}).encode()
            token = ask(where["token_url"], form, Authorization=f"Basic {pair}")["access_token"]
            known = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            control = {"Authorization": f"Bearer {where['control_token']}", "Content-Type": "application/json"}
            served = ask(f"{where['control_url']}/_lab/scenarios", None, **control)["scenarios"]
            assert isinstance(served, list)
            team = f"{where['base_url']}/api/fusion-ai/orchestrator/agent/v2/{served[0]['agent_code']}"
            job = ask(
                f"{team}/invokeAsync", json.dumps({"message": served[0]["asks"][0]["message"]}).encode(), **known
            )["jobId"]
            ask(f"{where['control_url']}/_lab/clock", b'{"advance": "1m"}', **control)
            status = ask(f"{team}/status/{job}", None, **known)["status"]
            return 0 if status == "COMPLETE" else 1
        finally:
            lab.terminate()


if __name__ == "__main__":
    sys.exit(main())
