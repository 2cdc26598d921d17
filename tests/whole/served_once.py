"""Serves a scenario, and has a client of the standard library take one job to its end; `lab watch` tells of it.

What is given is handed to `lab serve`. Each route of the control plane that a plugin brings is asked once. Exit 0 if
all of that works.
"""

import json
import subprocess
import sys
from base64 import b64encode
from collections.abc import Sequence
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from lab.plugin import plugins

LAB = (sys.executable, "-m", "lab")


def ask(url: str, body: bytes | None, method: str | None = None, **headers: str) -> dict[str, object]:
    """The JSON that a call is answered."""
    with urlopen(Request(url, body, headers, method=method), timeout=10) as answer:
        found: dict[str, object] = json.load(answer)
        return found


def watched(control_url: str, job: str) -> None:
    """Whether `lab watch` tells of the job, and how it ended, before it is stopped."""
    with subprocess.Popen([*LAB, "watch", control_url, "--plain"], stdout=subprocess.PIPE, text=True) as watch:
        assert watch.stdout is not None
        assert any("COMPLETE" in line for line in watch.stdout), f"lab watch doesn't tell of the job {job}"
        watch.terminate()


def main(options: Sequence[str]) -> int:
    """Token, invoke, and polls on a manual clock."""
    serve = (*LAB, "serve", "quick", "--port", "0", "--control-port", "0", "--clock", "manual", *options)
    with subprocess.Popen([*serve, "--json", "--with-parent"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as lab:
        try:
            assert lab.stdout is not None
            where: dict[str, str] = json.loads(lab.stdout.readline())
            pair = b64encode(f"{where['client_id']}:{where['client_secret']}".encode()).decode()
            form = urlencode({"grant_type": "client_credentials", "scope": where["scope"]}).encode()
            token = ask(where["token_url"], form, Authorization=f"Basic {pair}")["access_token"]
            known = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            control = {"Authorization": f"Bearer {where['control_token']}", "Content-Type": "application/json"}
            plane = f"{where['control_url']}/_lab"
            served = ask(f"{plane}/scenarios", None, **control)["scenarios"]
            assert isinstance(served, list)
            team = f"{where['base_url']}/api/fusion-ai/orchestrator/agent/v2/{served[0]['agent_code']}"
            message = json.dumps({"message": served[0]["asks"][0]["message"]}).encode()
            job = str(ask(f"{team}/invokeAsync", message, **known)["jobId"])
            ask(f"{plane}/clock", b'{"advance": "1m"}', **control)
            status = ask(f"{team}/status/{job}", None, **known)["status"]
            for route in (each for plugin in plugins() for each in plugin.routes if plugin.name != "kernel"):
                body = None if route.body is None else route.body.encode()
                ask(f"{plane}/{route.example or route.path}", body, route.method, **control)
            watched(where["control_url"], job)
            return 0 if status == "COMPLETE" else 1
        finally:
            lab.terminate()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
