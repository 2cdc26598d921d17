"""Has an agent team decide about a purchase, and waits for the result: python3 client.py CODE MESSAGE"""

import json
import os
import sys
import time
from base64 import b64encode
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

API = os.environ["BASE_URL"] + "/api/fusion-ai/orchestrator/agent/v2"
TRIES = 5
LONGEST = 300
COMMON = {"Accept": "application/json", "User-Agent": "purchase-app/1.0"}


def send(request):
    """The answer's JSON; a call that fails is tried again."""
    for tries in range(TRIES):
        try:
            with urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except HTTPError as error:
            if error.code not in (429, 500, 502, 503, 504) or tries == TRIES - 1:
                raise
        except OSError:
            if tries == TRIES - 1:
                raise


def token():
    pair = ":".join(quote(os.environ[name], safe="") for name in ("CLIENT_ID", "CLIENT_SECRET"))
    basic = "Basic " + b64encode(pair.encode()).decode()
    data = urlencode({"grant_type": "client_credentials", "scope": os.environ["SCOPE"]}).encode()
    return send(Request(os.environ["TOKEN_URL"], data, {**COMMON, "Authorization": basic}))["access_token"]


def main(code, message):
    headers = {**COMMON, "Authorization": f"Bearer {token()}"}
    body = json.dumps({"message": message}).encode()
    invoke = Request(f"{API}/{code}/invokeAsync", body, {**headers, "Content-Type": "application/json"})
    job = send(invoke)["jobId"]
    print("job", job, flush=True)
    began = time.monotonic()
    while time.monotonic() - began < LONGEST:
        found = send(Request(f"{API}/{code}/status/{job}", headers=headers))
        status = found["status"]
        if status in ("COMPLETE", "ERROR"):
            print(status, found.get("output"))
            return int(status == "ERROR")
        time.sleep(0.5)
    print("gave up")
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
