"""Rules B: how a client asks: what its messages are made of, and when they are sent again."""

import re
from collections.abc import Iterator
from urllib.parse import unquote

from lab.core.refusal import Refusal
from lab.dialects.base import Invoke
from lab.plugins.rehearsal.report.history import MESSAGE_KEY, ClientHistory, garbled
from lab.plugins.rehearsal.report.rule import Occasion, broken, kept, kept_unless, rules_in
from lab.recording.exchange import CallKind, RecordedExchange

_FINAL = (400, 404, 405, 409, 415, 422)
_COMMENT = re.compile(r"\([^)]*\)")
_PRODUCT = re.compile(r"([^\s/]+)/\d")
_LIBRARIES = frozenset(
    "aiohttp apache-httpclient axios bun curl dart deno faraday go-http-client got guzzlehttp httpie httpx insomnia java"
    " java-http-client libcurl libwww-perl node node-fetch okhttp php postmanruntime powershell python python-httpx"
    " python-requests python-urllib python-urllib3 reqwest restsharp ruby superagent undici ureq urllib3 wget".split()
)
"""Products that a library names where its user names none, in lower case."""
_LEAST_LIKE = 8
"""Letters and digits that two ids have in common, if one of them was cut from the other."""


def sends_json(history: ClientHistory) -> Iterator[Occasion]:
    """B1: declared as JSON, and in UTF-8."""
    sent = history.of(CallKind.INVOKE, CallKind.DECIDE)
    yield from kept_unless((call for call in sent if "not_utf8" in call.flags or not _declares_json(call)), sent)


def _declares_json(call: RecordedExchange) -> bool:
    essence, _, rest = (call.request.header("content-type") or "").lower().partition(";")
    return essence.strip() == "application/json" and rest.replace(" ", "").replace('"', "") in ("", "charset=utf-8")


def takes_json(history: ClientHistory) -> Iterator[Occasion]:
    """B2: where a client says what it takes, JSON is among it; of streams nothing is asked."""
    calls = [call for call in history.of(CallKind.INVOKE, CallKind.POLL, CallKind.DECIDE) if not call.follows]
    yield from kept_unless((call for call in calls if not _accepts_json(call)), calls)


def _accepts_json(call: RecordedExchange) -> bool:
    accept = ",".join(value for name, value in call.request.headers if name == "accept").lower().replace(" ", "")
    kinds = [kind.split(";")[0] for kind in accept.split(",") if not re.search(r";q=0(\.0*)?$", kind)]
    return not accept or any(re.fullmatch(r"\*/\*|application/(\*|json|.+\+json)", kind) for kind in kinds)


def names_itself(history: ClientHistory) -> Iterator[Occasion]:
    """B3: a product of its own with its version; not asked within the lab's process, where no socket adds a header."""
    calls = history.of(CallKind.TOKEN, CallKind.INVOKE, CallKind.POLL, CallKind.DECIDE)
    if calls and any(fact.type == "connection.opened" for fact in history.facts):
        agent = _COMMENT.sub("", calls[0].request.header("user-agent") or "")
        own = {product.lower() for product in _PRODUCT.findall(agent)} - _LIBRARIES
        yield kept(calls[0]) if own else broken(calls[0])


def repeats_no_message_blindly(history: ClientHistory) -> Iterator[Occasion]:
    """B4: a message of which a job may have begun doesn't come again within ten minutes, unless with a key."""
    for failure, _, again in _doubts(history):
        if again is not None and again.request.header(MESSAGE_KEY) is None:
            yield broken(failure, again)
        else:
            yield kept(failure) if again is None else kept(failure, again)


def _doubts(history: ClientHistory) -> Iterator[tuple[RecordedExchange, RecordedExchange, RecordedExchange | None]]:
    """Failures after which a client may think of sending a message again, each with that message and the next try of it."""
    lost = [(call, call) for call in history.of(CallKind.INVOKE) if _may_have_begun(call)]
    for job in history.jobs:
        if job.accepted.kind is CallKind.INVOKE:
            lost += [(call, job.accepted) for call in job.polls if _failed(call)]
    for call, message in lost:
        if not history.same_under_way(message, call):
            yield call, message, history.again(call, message)


def _failed(call: RecordedExchange) -> bool:
    return call.ended is not None and (not call.good or garbled(call))


def _may_have_begun(call: RecordedExchange) -> bool:
    """Whether no answer says what became of a message; 429, and 503 with Retry-After, say that nothing did."""
    if call.whole and call.response is not None and not call.good:
        return call.status >= 500 and not (call.status == 503 and call.response.header("retry-after"))
    return _failed(call)


def keeps_its_key(history: ClientHistory) -> Iterator[Occasion]:
    """B5: a message that is sent again has the key and the bytes of before."""
    for failure, message, again in _doubts(history):
        key = again.request.header(MESSAGE_KEY) if again is not None else None
        if again is not None and key is not None:
            same = key == message.request.header(MESSAGE_KEY) and again.repeats(message)
            yield kept(failure, again) if same else broken(failure, again)
    for call in history.of(CallKind.INVOKE):
        if call.status == 422 and call.request.header(MESSAGE_KEY) is not None:
            yield broken(call)


def repeats_no_wrong_request(history: ClientHistory) -> Iterator[Occasion]:
    """B6: what was wrong once stays wrong. A poll that finds no job belongs to D7; a key may be under way, and pass."""
    for call in history.calls:
        status = call.answer.status if isinstance(call.answer, Refusal) else call.status
        final = call.bearer is not None and call.whole and status in _FINAL
        may_pass = (status == 404 and call.kind is CallKind.POLL) or (
            status == 409 and call.request.header(MESSAGE_KEY) is not None
        )
        if final and not may_pass:
            again = history.repeats(call)[:1]
            yield broken(call, *again) if again else kept(call)


def stays_in_its_conversation(history: ClientHistory) -> Iterator[Occasion]:
    """B7: told where a message is what only a later turn asks, or names the conversation of an answer."""
    known: dict[str, RecordedExchange] = {}
    for number, job in enumerate(history.jobs):
        command, seen = job.accepted.command, job.accepted.seen
        if "outside_conversation" in job.accepted.flags and number:
            # the one before may have begun no conversation: then that is what was forgotten
            yield broken(*([*known.values()] or [history.jobs[number - 1].accepted])[-1:], job.accepted)
        elif isinstance(command, Invoke) and command.conversation in known:
            yield kept(known[command.conversation], job.accepted)
        if seen is not None and seen.conversation is not None:
            known.setdefault(seen.conversation, job.accepted)


def sends_what_is_documented(history: ClientHistory) -> Iterator[Occasion]:
    """B8: members that the API's reference has, each of its type."""
    calls = history.of(CallKind.INVOKE, CallKind.DECIDE)
    odd = [call for call in calls if {"unknown_field", "wrong_type"}.intersection(call.flags)]
    yield from kept_unless(odd, [call for call in calls if call.good])


def uses_ids_as_they_are(history: ClientHistory) -> Iterator[Occasion]:
    """B9: no poll names an id that is like one of the lab's, and isn't it."""
    given = {name for fact in history.facts for name in (fact.text("job"), fact.text("alias")) if name}
    given |= {call.seen.job for call in history.calls if call.seen is not None}
    likenesses = {_likeness(name) for name in given}
    polls = [call for call in history.of(CallKind.POLL) if call.job]
    changed = [call for call in polls if call.job not in given and _is_like(_likeness(call.job or ""), likenesses)]
    yield from kept_unless(changed, [call for call in polls if call.job in given])


def _likeness(name: str) -> str:
    """What is left of an id that was quoted, encoded or written in another case."""
    plain = unquote(unquote(name)).casefold()
    return "".join(each for each in plain if each.isalnum())


def _is_like(name: str, others: set[str]) -> bool:
    return name in others or any(
        len(shorter) >= _LEAST_LIKE and longer.startswith(shorter)
        for other in others
        for shorter, longer in (sorted((name, other), key=len),)
    )


MESSAGE_RULES = rules_in(
    """
    B1 | sends_json | send JSON in UTF-8, declared as such | major | L | Send `Content-Type: application/json`, and encode the body in UTF-8. | RFC 8259 §8.1; RFC 8259 §11 | any scenario, with a message beyond ASCII
    B2 | takes_json | accept JSON | minor | L | Send `Accept: application/json`, or none at all. | RFC 9110 §12.5.1 | any scenario
    B3 | names_itself | name your own product in User-Agent | information | L | Send `User-Agent: your-product/1.0`, so that whoever runs the server knows whom to ask. | RFC 9110 §10.1.5 | any scenario, served
    B4 | repeats_no_message_blindly | don't resend a message that may have started a job | critical | T | After a lost answer, a time-out or a 5xx don't send the message again, unless with the same Idempotency-Key; after a failed poll only poll again. | RFC 9110 §9.2.2 | bad-line; drills `v-lose-reply`, `w-reset-invoke`; any failure of a poll
    B5 | keeps_its_key | resend with the same Idempotency-Key and the same bytes | major | L | Make key and body once for each message, and send both again as they are. | RFC 9110 §9.2.2; draft-ietf-httpapi-idempotency-key-header-07 | drills `v-lose-reply` with `--set idempotency_key=on`
    B6 | repeats_no_wrong_request | don't repeat a request that was refused as wrong | major | L | After 400, 404, 405, 409, 415 and 422 stop and report it: the request is wrong, and stays wrong. | RFC 9110 §15.5 | drills `v-400-for-good`
    B7 | stays_in_its_conversation | send later messages with their conversation's id | major | L | Keep the conversation's id of the last answer, and send it with the next message. | lab docs contract, §3.1 | two-turns
    B8 | sends_what_is_documented | send only documented members, of the right types | minor | L | Send the members that the reference has, numbers as numbers, true and false without quotes. | lab docs contract, §3 | any scenario
    B9 | uses_ids_as_they_are | use a job's id unchanged | critical | L | Keep the id of the answer as it is, letter case and all, and percent-encode it once in the path. | lab docs clients, §1 | odd-ids, or any other scenario
    """,
    globals(),
)
