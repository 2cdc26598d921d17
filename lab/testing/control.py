"""The control plane of a lab, asked over HTTP (lab/docs/control-plane.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

LONGEST_ANSWER = 60
"""Seconds until an answer has come: the lab waits for calls under way, never for a clock."""


class ControlRefused(AssertionError):
    """The lab refuses a command, or what was waited for can't come; the message says why, and what to do."""


class ControlPlaneClient:
    """Commands to one lab. No proxy comes in between."""

    def __init__(self, url: str, token: str, scenario: str | None = None) -> None:
        """`scenario` is one that clients choose by their URL: commands are about it then."""
        self.url, self.token = url, token
        self._about = () if scenario is None else ("scenario", scenario)

    def get(self, *path: str, **query: str | None) -> dict[str, Any]:
        __tracebackhide__ = True
        return self._document("GET", *path, query={name: value for name, value in query.items() if value is not None})

    def post(self, *path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        __tracebackhide__ = True
        return self._document("POST", *path, body=body)

    def delete(self, *path: str) -> dict[str, Any]:
        __tracebackhide__ = True
        return self._document("DELETE", *path)

    def lines(self, *path: str) -> list[dict[str, Any]]:
        """What the lab says in lines."""
        with closing(self.connect()) as connection:
            return [json.loads(line) for line in self.ask(connection, "GET", *path)[1].splitlines()]

    def _document(self, method: str, *path: str, **more: Any) -> dict[str, Any]:
        __tracebackhide__ = True
        with closing(self.connect()) as connection:
            status, data = self.ask(connection, method, *path, **more)
        document: dict[str, Any] = json.loads(data)
        if status != 200:
            history = [
                f"{each['at'] / 1000:10.3f} s  {each['status']} {each['step']}" for each in document.get("history", ())
            ]
            raise ControlRefused("\n".join([f"{document.get('error')} {document.get('hint')}".strip(), *history]))
        return document

    def connect(self) -> HTTPConnection:
        """A connection for one command, or several."""
        return HTTPConnection(urlsplit(self.url).netloc, timeout=LONGEST_ANSWER)

    def ask(
        self,
        connection: HTTPConnection,
        method: str,
        *path: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """Status and body of the answer to a command."""
        target = "/".join(("/_lab", *(quote(each, safe="") for each in (*self._about, *path))))
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body)
        connection.request(method, f"{target}?{urlencode(query)}" if query else target, data, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
