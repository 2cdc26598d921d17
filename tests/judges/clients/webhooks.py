"""Verifies callbacks at the instants at which they were sent: by standardwebhooks, or by openai's client."""

import json
import sys
import time
from base64 import b64decode
from datetime import datetime
from pathlib import Path

verifier, path, secret = sys.argv[1:]
now = 0.0


class Then(datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(now, tz)


if verifier == "standardwebhooks":
    from standardwebhooks import webhooks

    webhooks.datetime = Then
    judge = webhooks.Webhook(secret)

    def verify(body, headers):
        judge.verify(body, headers)
else:
    import openai

    client = openai.OpenAI(api_key="none", base_url="http://127.0.0.1:9")
    time.time = lambda: now

    def verify(body, headers):
        client.webhooks.verify_signature(body, headers, secret=secret)


for each in json.loads(Path(path).read_text()):
    now = each["at"] / 1000
    try:
        verify(b64decode(each["body"]), each["headers"])
        why = ""
    except Exception as refused:  # noqa: BLE001 - each verifier has its own
        why = f"{type(refused).__name__}: {refused}"
    print(json.dumps({"why": why}))
