"""A client of MCP's tasks in forty lines, as `lab rehearse` runs it: right, or wrong in the way that its argument names."""

import base64
import json
import os
import sys
import time
from http.client import HTTPConnection
from urllib.parse import quote_plus, urlencode, urlsplit

LAB, WRONG = {name[4:]: value for name, value in os.environ.items() if name.startswith("LAB_")}, sys.argv[1]
CONNECTION = HTTPConnection(urlsplit(LAB["BASE_URL"]).netloc, timeout=30)
VERSION = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": VERSION,
    "io.modelcontextprotocol/clientCapabilities": {"extensions": {"io.modelcontextprotocol/tasks": {}}},
}
APPROVED = {"action": "accept", "content": {"verdict": "approved"}}
FASTER = [4, 3, 2, 1.5, 1.2, 1.1]


def post(path, body, **headers):
    sent = {"User-Agent": "small-client/1.0", **{name.replace("_", "-"): value for name, value in headers.items()}}
    CONNECTION.request("POST", path, body, sent)
    return json.loads(CONNECTION.getresponse().read())


def call(method, params):
    named = {"MCP_Protocol_Version": VERSION, "Mcp_Method": method, "Mcp_Name": params.get("name") or params["taskId"]}
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": META}}
    bearer, sent = f"Bearer {TOKEN}", json.dumps(body).encode()
    return post("/mcp", sent, Authorization=bearer, Content_Type="application/json", **named)["result"]


user, secret = (quote_plus(LAB[name]) for name in ("CLIENT_ID", "CLIENT_SECRET"))
grant = urlencode({"grant_type": "client_credentials", "scope": LAB["SCOPE"]}).encode()
basic = base64.b64encode(f"{user}:{secret}".encode()).decode()
form = "application/x-www-form-urlencoded"
TOKEN = post("/oauth2/v1/token", grant, Authorization=f"Basic {basic}", Content_Type=form)["access_token"]

task = call("tools/call", {"name": LAB["AGENT_CODE"], "arguments": {"message": LAB["ASK"]}})
job, polls, answered = {"taskId": task["taskId"]}, 0, set()
while task["status"] in ("working", "input_required"):
    hint = task["pollIntervalMs"] / 1000
    time.sleep(
        {"faster": FASTER[min(polls, 5)], "ramp": min(hint, 0.02 * 2**polls), "obeys": hint}.get(
            WRONG, min(5, 1.3**polls)
        )
    )
    polls += 1
    task = call("tasks/get", job)
    for key in task.get("inputRequests", {}).keys() - answered:
        closed = [{"action": "cancel"}] if WRONG == "closes" else [APPROVED] if WRONG == "twice" else []
        for answer in (*closed, APPROVED):
            call("tasks/update", {**job, "inputResponses": {key: answer}})
        answered.add(key)
failed = task["status"] != "completed" or (task["result"]["isError"] and WRONG != "deaf")
sys.exit(1 if failed else 0)
