"""Forms and queries, read strictly (RFC 6749 §3.2): the one reader for all endpoints and both profiles."""

from typing import TypeAlias
from urllib.parse import unquote_plus

from lab.core.exchange import Request
from lab.core.refusal import Refusal
from lab.identity.endpoints.context import TokenContext
from lab.identity.refusals import TOO_LARGE, invalid_request

MOST_PARAMETERS = 100
LARGEST_FORM = 64 * 1024
"""Bytes."""

Parameters: TypeAlias = dict[str, str]
_NOT_ENCODED = invalid_request("The parameters must be percent-encoded UTF-8.")


def read_form(context: TokenContext, request: Request) -> Parameters | Refusal:
    """The parameters in the body, or why they can't be read.

    A secret in the URL is refused even beside a good form, for URLs are logged (RFC 6749 §2.3.1), and is noted.
    """
    if len(request.body) > LARGEST_FORM:
        return TOO_LARGE
    if "client_secret=" in request.query:
        context.flags.append("secret_in_uri")
        return invalid_request("Credentials do not belong in the URL.")
    essence, _, rest = (request.header("content-type") or "").partition(";")
    if essence.strip().lower() != "application/x-www-form-urlencoded":
        return invalid_request("The body must be application/x-www-form-urlencoded.")
    charset = rest.strip().lower().replace('"', "")
    if charset and charset != "charset=utf-8":
        return invalid_request("The charset must be utf-8.")
    return read_parameters(request.body.decode("latin-1"))


def read_parameters(text: str) -> Parameters | Refusal:
    """The parameters of a body or a query; one without a value counts as absent, a repeated one is refused."""
    if not text.isascii():
        return _NOT_ENCODED
    pairs = [pair for pair in text.split("&") if pair]
    if len(pairs) > MOST_PARAMETERS:
        return invalid_request(f"There are more than {MOST_PARAMETERS} parameters.")
    form: Parameters = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        try:
            name, value = unquote_plus(name, errors="strict"), unquote_plus(value, errors="strict")
        except UnicodeDecodeError:
            return _NOT_ENCODED
        if name in form:
            return invalid_request("A parameter stands twice.")
        if value:
            form[name] = value
    return form
