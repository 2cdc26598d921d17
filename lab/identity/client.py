"""The OAuth server as a client sees it: a grant of its own or by a user's password, and the access token that comes of it."""

from base64 import b64encode
from functools import lru_cache
from urllib.parse import quote_plus, urlencode

from msgspec import Struct

from lab.core.clock import Millis
from lab.core.exchange import Request, Response
from lab.core.jsontext import integer_or_none, members_of, text_or_none
from lab.identity.routes import PATHS

_USUAL_LIFETIME = 3600
"""Seconds that a token is taken to be good where the answer doesn't say (RFC 6749 §5.1)."""


class AccessToken(Struct, frozen=True):
    """A token at hand, good until `until` by the answer's `expires_in`."""

    token: str
    since: Millis
    until: Millis

    def fresh(self, now: Millis) -> bool:
        """Whether it is worth using: not within a tenth of its life, or a minute, of its end."""
        margin = min(60_000, (self.until - self.since) // 10)
        return now < self.until - margin


@lru_cache(maxsize=16)
def token_request(client_id: str, client_secret: str, scope: str, user: str = "", password: str = "") -> Request:
    """The client credentials grant, or a user's password grant (RFC 6749 §4.3), with Basic authentication.

    Both parts of that are form-encoded (§2.3.1).
    """
    pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
    headers = (
        ("authorization", f"Basic {b64encode(pair.encode()).decode()}"),
        ("content-type", "application/x-www-form-urlencoded"),
    )
    login = {"grant_type": "password", "username": user, "password": password}
    form = urlencode({**(login if user else {"grant_type": "client_credentials"}), "scope": scope})
    return Request("POST", PATHS["token"], headers=headers, body=form.encode())


def read_token(response: Response, since: Millis) -> AccessToken | None:
    """The token that an answer grants to a request sent at `since`; None if it holds none."""
    members = members_of(response.body)
    token = text_or_none(members.get("access_token"))
    if response.status != 200 or not token:
        return None
    seconds = integer_or_none(members.get("expires_in"))
    return AccessToken(token, since, since + (_USUAL_LIFETIME if seconds is None else seconds) * 1000)
