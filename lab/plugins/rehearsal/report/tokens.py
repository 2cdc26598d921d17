"""Rules A: how a client gets its tokens, keeps them, and shows them."""

import re
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise

from lab.core.jsontext import members_of
from lab.core.tolerance import least, most
from lab.identity.clients import Grant
from lab.plugins.rehearsal.report.history import ClientHistory, GrantHistory
from lab.plugins.rehearsal.report.rule import Occasion, broken, kept, kept_unless, rules_in
from lab.plugins.rehearsal.report.stops import SILENT
from lab.recording.exchange import CallKind, RecordedExchange

_LOGINS = (Grant.CODE, Grant.DEVICE)
"""Grants that a person begins, whenever it pleases them."""
_REFUSED_FOR_GOOD = ("invalid_client", "invalid_grant")
_SECRET = re.compile("lab-C[0-9]+-secret")
"""What stands in a recording for a client's secret, and for the pair of its id and secret."""
_TOKEN_MEMBERS = frozenset(("access_token", "token_type", "expires_in", "refresh_token", "scope", "id_token"))


def reuses_its_token(history: ClientHistory) -> Iterator[Occasion]:
    """A1: no second token while more than a fifth of the life of one is left that was used, for the same scope and user.

    A login is a person's act, and what another process of the client has can't be known. Requests that overlap belong to
    A3, those that follow a 401 to A4.
    """
    calls = [call for call in history.calls if call.command is not None]
    used = {call.bearer for call in calls}
    excused = {call.x for pair in _overlapping(history) for call in pair} | {
        granted.x for granted, _ in _renewals(history)
    }
    # by a revocation, or a fault
    ended = {fact.text("token") for fact in history.facts if fact.type == "token.revoked"}
    latest, found = dict[tuple[str, str | None], GrantHistory](), list[Occasion]()
    for grant in history.grants:
        earlier = latest.get((grant.scope, grant.user))
        if grant.call.good and grant.token in used and "expires_in" in grant.call.answered:
            latest[grant.scope, grant.user] = grant
        if earlier is None or earlier.token in ended or grant.grant in _LOGINS or grant.call.x in excused:
            continue
        if earlier.until - grant.call.at > most(earlier.life // 5) and _goes_on(history, grant.call):
            found.append(broken(earlier.call, grant.call))
    if len(calls) >= 3:
        yield from found or [kept(*calls[:3])]


def _goes_on(history: ClientHistory, call: RecordedExchange) -> bool:
    """Whether what went on before a call goes on after it, a job or a connection: another process would begin anew."""
    stretches = (*(job.calls for job in history.jobs), *(each.calls for each in history.connections))
    return any(calls[0].x < call.x <= calls[-1].x for calls in stretches)


def renews_in_time(history: ClientHistory) -> Iterator[Occasion]:
    """A2: once a token's life is over, what was to be had of it is asked for with the next."""
    calls = [call for call in history.calls if call.command is not None]
    by_token: dict[str | None, list[RecordedExchange]] = {}
    for call in calls:
        by_token.setdefault(call.bearer, []).append(call)
    for grant in history.grants:
        own = by_token.get(grant.token)
        if own is not None and calls[-1].at >= grant.until and "expires_in" in grant.call.answered:
            late = [call for call in own if call.at >= grant.until]
            yield broken(*late) if late else kept(own[-1], calls[-1])


def renews_once_for_all(history: ClientHistory) -> Iterator[Occasion]:
    """A3: where several jobs need a new token, one is fetched for all of them."""
    overlapping = list(_overlapping(history))
    yield from (broken(*pair) for pair in overlapping)
    grants, refused = dict[str | None, dict[int, RecordedExchange]](), dict[str | None, list[RecordedExchange]]()
    for call in history.calls:
        if call.refused_token:
            refused.setdefault(call.bearer, []).append(call)
    good = [grant.call for grant in history.grants if grant.call.good]
    for granted, call in _renewals(history):
        others = (each for token, calls in refused.items() if token != call.bearer for each in calls)
        # in one instant the order of requests counts
        before = ((each.sent, each.x) for each in good if each.x < granted.x and each.left <= granted.sent)
        since = min((call.left, call.x), max(before, default=(-1, -1)))
        # whoever tries no more has fetched nothing for that, nor has who never got it, or who needs one for the next token
        replaced = any(since < (each.left, each.x) <= (granted.sent, granted.x) for each in others)
        if granted.good and not replaced and history.next_try(call) is not None:
            grants.setdefault(call.bearer, {})[granted.x] = call
    for token, calls in refused.items():
        if any(not call.asks_same(calls[0]) for call in calls):
            by_each = list(grants.get(token, {}).values())
            yield broken(*by_each) if len(by_each) > 1 else kept(calls[0])
    if not overlapping:
        for call in (grant.call for grant in history.grants[1:]):
            if sum(job.started <= call.sent < job.calls[-1].sent for job in history.jobs) > 1:
                yield kept(call)


def renews_a_refused_token(history: ClientHistory) -> Iterator[Occasion]:
    """A4: after a 401 the same request comes once more, with a new token; a second 401 is the end."""
    for call in history.calls:
        again = history.next_try(call) if call.refused_token else None
        if again is None:
            continue
        third = history.next_try(again) if again.refused_token else None
        if again.bearer == call.bearer:
            yield broken(call, again)
        elif third is not None and third.bearer != again.bearer:
            yield broken(call, again, third)
        else:
            yield kept(call, again)


def stops_at_403(history: ClientHistory) -> Iterator[Occasion]:
    """A5: a request that was forbidden isn't sent again with a token of the same scope."""
    scopes: dict[str | None, str] = {grant.token: grant.scope for grant in history.grants}
    for call in history.calls:
        if call.to_api and call.whole and call.status == 403:
            scope = scopes.get(call.bearer)
            again = [each for each in history.repeats(call) if scopes.get(each.bearer) == scope]
            yield broken(call, *again) if again else kept(call)


def shows_its_token_in_the_header(history: ClientHistory) -> Iterator[Occasion]:
    """A6: no token in the query or in the body."""
    calls = [call for call in history.calls if call.to_api]
    shown = (
        call for call in calls if "access_token" in {**call.parameters, **call.fields, **members_of(call.request.body)}
    )
    yield from kept_unless(shown, [call for call in calls if call.bearer is not None])


def keeps_its_secret_from_uris(history: ClientHistory) -> Iterator[Occasion]:
    """A7: URLs are logged."""
    shown = (call for call in history.calls if "client_secret" in call.parameters or _secret(*call.parameters.values()))
    yield from kept_unless(shown, history.of(CallKind.TOKEN))


def encodes_its_secret(history: ClientHistory) -> Iterator[Occasion]:
    """A8: kept only where the secret's characters make a difference; a raw one is seen by that alone."""
    for call in history.calls:
        if "basic_form" in call.flags and history.odd_secret:
            yield kept(call)
        elif "basic_raw" in call.flags:
            yield broken(call)


def sends_credentials_where_they_belong(history: ClientHistory) -> Iterator[Occasion]:
    """A9: id and secret to the token endpoint, the bearer to the API."""
    stray = (
        call
        for call in history.calls
        if {"basic_on_api", "bearer_on_token"}.intersection(call.flags) or (call.to_api and _holds_secret(call))
    )
    yield from kept_unless(stray, history.calls)


def _holds_secret(call: RecordedExchange) -> bool:
    others = (value for name, value in call.request.headers if name != "authorization")
    return _secret(*others, call.request.body.decode("utf-8", "replace"))


def _secret(*texts: str) -> bool:
    return any(map(_SECRET.search, texts))


def asks_for_no_password(history: ClientHistory) -> Iterator[Occasion]:
    """A10: a password that an application sees is one that it can lose."""
    requests = history.of(CallKind.TOKEN)
    yield from kept_unless((call for call in requests if call.fields.get("grant_type") == Grant.PASSWORD), requests)


def uses_the_newest_refresh_token(history: ClientHistory) -> Iterator[Occasion]:
    """A11: a refresh token that was traded for another is never sent again; that other is."""
    replaced: dict[str, RecordedExchange] = {}
    newest: set[str | None] = set()
    trades = {grant.call.x: grant for grant in history.grants if grant.call.good and grant.refresh is not None}
    for call in history.of(CallKind.TOKEN):
        sent = call.fields.get("refresh_token")
        if sent is None:
            continue
        if sent in replaced and call.sent >= replaced[sent].left:
            yield broken(replaced[sent], call)
        elif sent in newest:
            yield kept(call)
        if call.x in trades and trades[call.x].refresh != sent:
            replaced[sent] = call
            newest.add(trades[call.x].refresh)


def stops_at_wrong_credentials(history: ClientHistory) -> Iterator[Occasion]:
    """A12: credentials that were refused aren't sent again at once, nor more than three times in all."""
    refused: dict[object, list[RecordedExchange]] = {}
    for call in history.of(CallKind.TOKEN):
        if call.status in (400, 401) and call.answered.get("error") in _REFUSED_FOR_GOOD:
            refused.setdefault((call.request.header("authorization"), call.request.body), []).append(call)
    for calls in refused.values():
        hasty = any(later.sent - call.left < least(1_000) for call, later in pairwise(calls))
        yield broken(*calls) if hasty or len(calls) > 3 else kept(calls[0])


def takes_any_token_answer(history: ClientHistory) -> Iterator[Occasion]:
    """A13: a token is used, however its answer spells `Bearer`, and whatever is new or left out in it."""
    for grant in history.grants:
        members = grant.call.answered
        usual = members.get("token_type") == "Bearer" and "expires_in" in members and members.keys() <= _TOKEN_MEMBERS
        if usual or not grant.call.good:
            continue
        if any(call.bearer == grant.token for call in history.after(grant.call)):
            yield kept(grant.call)
        elif history.over or history.until - grant.call.left >= SILENT:
            yield broken(grant.call)


def proves_each_login_afresh(history: ClientHistory) -> Iterator[Occasion]:
    """A14: S256, and neither challenge nor `state` of an earlier login; a page that is loaded again is the same login."""
    traded = [fact.x for fact in history.facts if fact.type == "token.granted" and fact.text("grant") == Grant.CODE]
    logins: list[RecordedExchange] = []
    for call in history.calls:
        if call.route == "authorize" and call.status == 302:
            same = logins and logins[-1].repeats(call) and not any(logins[-1].x < (x or 0) < call.x for x in traded)
            logins += [] if same else [call]
    wrong = [call for call in logins if call.parameters.get("code_challenge_method") != "S256"]
    for name in ("state", "code_challenge"):
        first: dict[str, RecordedExchange] = {}
        for call in logins:
            if (value := call.parameters.get(name)) and first.setdefault(value, call) is not call:
                wrong += [first[value], call]
    if wrong:
        yield broken(*wrong)
    elif len(logins) > 1:
        yield kept(*logins)


# What several rules look at


def _overlapping(history: ClientHistory) -> Iterator[Sequence[RecordedExchange]]:
    """Token requests of which the later was sent before the earlier one, of the same words, was answered."""
    for call, later in combinations(history.of(CallKind.TOKEN), 2):
        if later.sent < call.left and later.repeats(call):
            yield call, later


def _renewals(history: ClientHistory) -> Iterator[tuple[RecordedExchange, RecordedExchange]]:
    """The calls that were granted a token between a 401 and the next try, each with the call that was refused."""
    for call in history.calls:
        if call.refused_token:
            again, later = history.next_try(call), {each.x for each in history.after(call)}
            after = [grant.call for grant in history.grants if grant.call.x in later]
            if again is None:
                after = after[:1]
            yield from ((granted, call) for granted in after if again is None or granted.x < again.x)


TOKEN_RULES = rules_in(
    """
    A1 | reuses_its_token | reuse a token until close to its end | major | 1 | Keep the token, and fetch the next when a tenth of its life is left. | RFC 6749 §5.1 | any scenario
    A2 | renews_in_time | renew a token before its end | minor | 1 | Read expires_in, and fetch the next token shortly before that time is over. | RFC 6749 §1.5; RFC 9700 §2.2 | short-token
    A3 | renews_once_for_all | fetch one new token for all jobs | major | L | Let whoever needs a new token wait for the one that is being fetched. | lab docs clients, §1 | crowd
    A4 | renews_a_refused_token | on a 401 fetch a new token and try once more | critical | L | After a 401 fetch one new token and send the same request once more; a second 401 is final. | RFC 9110 §15.5.2; RFC 6750 §3.1 | short-token; drills `p-expired-token`, `r-revoked-token`, `r-401-for-good`
    A5 | stops_at_403 | stop at a 403 | major | L | Stop and report it: with the same rights the same request is forbidden again. | RFC 6750 §3.1; RFC 9110 §15.5.4 | drills `r-403`
    A6 | shows_its_token_in_the_header | send the bearer in the Authorization header only | critical | L | Send `Authorization: Bearer`, never access_token in a query or a body: those are logged. | RFC 6750 §2.3; RFC 9700 §4.3.2 | any scenario
    A7 | keeps_its_secret_from_uris | keep the client secret out of URLs | critical | L | Send id and secret by Basic authentication, never in the query: URLs are logged. | RFC 6749 §2.3.1 | any scenario
    A8 | encodes_its_secret | form-encode id and secret in Basic | information | L | Percent-encode id and secret, each by itself, before you join them by a colon: raw, a `+` or `%` in them means something else. | RFC 6749 §2.3.1 | a secret with `+` or `%`, as that of the client demo
    A9 | sends_credentials_where_they_belong | send credentials to the token endpoint only | critical | L | Send id and secret to the token endpoint and nowhere else, and the bearer to the API. | RFC 9700 §4.9 | any scenario
    A10 | asks_for_no_password | don't use the password grant | minor | L | Let people log in by authorization code, or the client by client_credentials. | RFC 9700 §2.4 | any scenario
    A11 | uses_the_newest_refresh_token | use the newest refresh token | major | L | Replace the refresh token that you have stored by that of each answer: an older one ends the login. | RFC 9700 §4.14 | rotation, with a client that logs in by authorization code
    A12 | stops_at_wrong_credentials | stop at invalid_client and invalid_grant | major | T | Stop and report it: the same credentials will be refused again. | RFC 6749 §5.2 | bad-credentials; drills `k-invalid-client`
    A13 | takes_any_token_answer | accept every legal token answer | minor | L | Compare token_type in any letter case, skip unknown members, and do without expires_in and scope. | RFC 6749 §5.1; RFC 6749 §7.1 | odd-token; drills `k-no-expires-in`
    A14 | proves_each_login_afresh | log in with PKCE S256 and a fresh state each time | major | L | For each login make a new code_verifier and a new state, and send code_challenge_method=S256. | RFC 7636 §4.2; RFC 9700 §2.1.1 | code-flow, with a client that logs in by authorization code
    """,
    globals(),
)
