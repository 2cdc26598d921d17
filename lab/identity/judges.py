"""Judges of what is claimed of the identity domain: tokens, documents, pages (contract.md §7)."""

from collections.abc import Callable, Iterator

from lab.core.evidence import ClaimJudge, Judges, PodTraffic, Sign, countable, sign_of
from lab.core.exchange import Json, header_of
from lab.identity.clients import OOB, Grant
from lab.identity.config import GENERIC_ISSUER

_SAML2 = "urn:ietf:params:oauth:grant-type:saml2-bearer"


def judge_grants(traffic: PodTraffic) -> Iterator[Sign]:
    """SAML2 is not served, and who isn't known is refused."""
    for call in traffic.of("token"):
        if call.sent.get("grant_type") == _SAML2 and (call.good or call.status == 400):
            yield sign_of(call, not call.good, f"{call.status} to SAML2")
        elif call.object.get("error") == "invalid_client":
            yield Sign(call, True, "a client that isn't known is refused")


def judge_logins(traffic: PodTraffic) -> Iterator[Sign]:
    """Whoever comes to authorize gets a code at once."""
    for call in traffic.of("authorize"):
        place = header_of(call.answer, "location") or ""
        if call.status == 200 and call.query.get("redirect_uri") != OOB:  # such a page may as well show the code
            yield Sign(call, False, "a page to log in at, or to allow it", "page")
        elif "error=access_denied" in place:
            yield Sign(call, False, "access_denied", "deny")
        elif "code=" in place:
            yield Sign(call, True, "a code at once")


def judge_rotation(traffic: PodTraffic) -> Iterator[Sign]:
    """A refresh token is good once: the answer has another."""
    for call in traffic.of("token"):
        if call.sent.get("grant_type") == Grant.REFRESH and call.good:
            fresh = call.object.get("refresh_token") not in (None, call.sent.get("refresh_token"))
            yield sign_of(call, fresh, f"{'another' if fresh else 'the same'} refresh token", "off")


def judge_repeats(traffic: PodTraffic) -> Iterator[Sign]:
    """An assertion that was taken is taken again."""
    taken: set[Json] = set()
    for call in traffic.of("token"):
        for name in ("client_assertion", "assertion"):
            sent = countable(call.sent.get(name))
            if sent in taken:
                what = f"{call.status} to an assertion that was taken before"
                yield sign_of(call, call.good, what if call.good else f"{what}; or it has expired since", "single")
            elif call.good and sent is not None:
                taken.add(sent)


def judge_service_tokens(traffic: PodTraffic) -> Iterator[Sign]:
    """A token without a user opens the API."""
    own = {
        countable(call.object.get("access_token"))
        for call in traffic.of("token")
        if call.good and call.sent.get("grant_type") == Grant.CLIENT_CREDENTIALS
    }
    calls = [call for call in traffic.calls if call.code and call.bearer and call.bearer in own]
    opened = {call.bearer for call in calls if call.good}
    for call in calls:
        if call.good:
            yield Sign(call, True, f"{call.status} to a token without a user")
        elif call.status == 403 and call.bearer not in opened:
            yield Sign(call, False, "403 to a token without a user, always; or the team asks for a role", "refused")


def judge_issuer(traffic: PodTraffic) -> Iterator[Sign]:
    """The same for all tenants."""
    for call in traffic.of("discovery"):
        named = call.object.get("issuer")
        if call.path.endswith("/openid-configuration") and isinstance(named, str):
            yield sign_of(call, named == GENERIC_ISSUER, f"the issuer {named[:60]}", "tenant")


def judge_keys(traffic: PodTraffic) -> Iterator[Sign]:
    """Signing keys need a bearer."""
    for call in traffic.of("jwks"):
        if call.path.endswith("/jwk") and not call.bearer and call.status in (200, 401):
            yield sign_of(call, call.status == 401, f"{call.status} to a request for keys without a bearer", "off")


def judge_document(path: str, *, there: bool, otherwise: str) -> Callable[[PodTraffic], Iterator[Sign]]:
    """Whether a document is there, as it is by default; `otherwise` is the switch's value if not."""

    def look(traffic: PodTraffic) -> Iterator[Sign]:
        for call in traffic.calls:
            if call.method == "GET" and call.path == path and call.status in (200, 404):
                yield sign_of(call, (call.status == 200) is there, f"{call.status} to {path}", otherwise)

    return look


def judge_page(method: str) -> Callable[[PodTraffic], Iterator[Sign]]:
    """Whether the page for user codes answers."""

    def look(traffic: PodTraffic) -> Iterator[Sign]:
        for call in traffic.of("device-page"):
            if call.method == method and call.status < 500:
                there = call.status not in (404, 405, 410)
                yield sign_of(call, there, f"{call.status} to {method} {call.path}")

    return look


_TABLE = {
    "POST /oauth2/v1/token": ClaimJudge(
        judge_grants, "a grant by SAML2, or a client that isn't known; that every client is taken, no traffic shows"
    ),
    "GET /oauth2/v1/authorize": ClaimJudge(judge_logins, "a browser at authorize"),
    "GET /ui/v1/device": ClaimJudge(judge_page("GET"), "a browser at the page for user codes"),
    "POST /ui/v1/device": ClaimJudge(judge_page("POST"), "a user code that is sent"),
    "POST /oauth2/v1/revoke": ClaimJudge(judge_rotation, "a grant by refresh token"),
    "GET /.well-known/openid-configuration": ClaimJudge(judge_issuer, "the document"),
    **{
        f"GET {path}": ClaimJudge(judge_document(path, there=there, otherwise=value), "a request for it")
        for path, there, value in (
            ("/.well-known/idcs-configuration", True, "rfc"),
            ("/.well-known/oauth-authorization-server", False, "rfc"),
            ("/.well-known/oauth-protected-resource", False, "on"),
            ("/.well-known/jwks.json", False, "rfc"),
        )
    },
    "GET /admin/v1/SigningCert/jwk": ClaimJudge(judge_keys, "a request for it without a bearer"),
}
IDENTITY_JUDGES: Judges = {
    **{("routes", name): judge for name, judge in _TABLE.items()},
    ("assertion", "jti"): ClaimJudge(judge_repeats, "the same assertion twice, with a jti"),
    ("errors", "403 for a token without a user"): ClaimJudge(
        judge_service_tokens, "a token by client credentials, and its calls"
    ),
}
