"""Verifies callbacks at the instants at which they were sent: by standardwebhooks, or by openai's client."""

import json
import sys
import time
from base64 import b64decode
from datetime import datetime

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


for each in json.load(open(path)):
    now = each["at"] / 1000
    try:
        verify(b64decode(each["body"]), each["headers"])
        why = ""
    except Exception as refused:
        why = f"{type(refused).__name__}: {refused}"
    print(json.dumps({"why": why}))
