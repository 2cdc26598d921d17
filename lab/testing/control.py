"""The control plane of a lab, asked over HTTP (lab/docs/control-plane.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

LONGEST_ANSWER = 60
"""Seconds until an answer has come."""


class ControlRefused(AssertionError):
    """The lab refuses a command, or what was waited for can't come; the message says why, and what to do."""


class ControlPlaneClient:
    """Commands to one lab. Each has a connection of its own, and no proxy comes in between."""

    def __init__(self, url: str, token: str, scenario: str | None = None) -> None:
        """`scenario` is one that clients choose by their URL: commands are about it then."""
        self.url = url
        """Where it is."""
        self._about = () if scenario is None else ("scenario", scenario)
        self.token = token
        """What opens it."""
        self._address = urlsplit(url).netloc
        self._headers = {"Authorization": f"Bearer {token}"}

    def get(self, *path: str, **query: str | None) -> dict[str, Any]:
        """What the lab says."""
        __tracebackhide__ = True
        return self._document("GET", path, query=query)

    def post(self, *path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Command something."""
        __tracebackhide__ = True
        return self._document("POST", path, body)

    def delete(self, *path: str) -> dict[str, Any]:
        """Take something away."""
        __tracebackhide__ = True
        return self._document("DELETE", path)

    def lines(self, *path: str) -> list[dict[str, Any]]:
        """What the lab says in lines."""
        return [json.loads(line) for line in self._send("GET", path)[1].splitlines()]

    def _document(
        self,
        method: str,
        path: tuple[str, ...],
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str | None] | None = None,
    ) -> dict[str, Any]:
        __tracebackhide__ = True
        status, data = self._send(method, path, body, query)
        document: dict[str, Any] = json.loads(data)
        if status != 200:
            history = [
                f"{each['at'] / 1000:10.3f} s  {each['status']} {each['step']}" for each in document.get("history", ())
            ]
            raise ControlRefused("\n".join([f"{document.get('error')} {document.get('hint')}".strip(), *history]))
        return document

    def _send(
        self,
        method: str,
        path: tuple[str, ...],
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str | None] | None = None,
    ) -> tuple[int, bytes]:
        named = {name: value for name, value in (query or {}).items() if value is not None}
        target = "/".join(("/_lab", *(quote(each, safe="") for each in (*self._about, *path)))) + (
            f"?{urlencode(named)}" if named else ""
        )
        data = None if body is None else json.dumps(body).encode()
        headers = self._headers if data is None else {**self._headers, "Content-Type": "application/json"}
        connection = HTTPConnection(self._address, timeout=LONGEST_ANSWER)
        try:
            connection.request(method, target, data, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()
