"""Recorded answers as they go out now: ids and instants of today, a stream's events when they are due (recordings.md §15)."""

from collections.abc import Mapping
from functools import partial

from msgspec.structs import replace

from lab.core.clock import Millis
from lab.core.exchange import Request, Response, header_of, json_bytes
from lab.core.jsontext import members_of
from lab.core.reply import END_OF_EVENT, Parts, Reply, Strike
from lab.dialects import client_of
from lab.mock.config import DECOY_ORIGIN
from lab.recording.exchange import RecordedExchange
from lab.recording.format.lines import Recording, Res
from lab.recording.playback.matching import renamed
from lab.recording.redaction.stand_ins import HERE, with_hosts
from lab.recording.tape.instants import redated

_DATA = b"data: "
_NOTHING = Response(0)
"""What is answered where no status line was."""


def leads_away(recording: Recording) -> bool:
    """Whether an answer redirects to another origin than the lab's."""
    return any((header_of(line.headers, "location") or "").startswith(DECOY_ORIGIN) for line in recording.of(Res))


class AnswerWriter:
    """Writes answers of one recording."""

    def __init__(self, shift: Millis, *, latency: bool) -> None:
        """`shift` is how much later the playback's epoch is; `latency`: answers are withheld as long as they were."""
        self._shift = shift
        self._latency = latency
        self.hosts: dict[int, str] = {}
        """What stands in the place of a pod's hosts, by their numbers."""
        self.here = HERE
        """Where the lab is called."""
        self.elsewhere = DECOY_ORIGIN
        """Where redirects lead that leave the lab's origin."""

    def latency(self, call: RecordedExchange) -> Millis:
        """How long its answer is withheld."""
        return call.latency if self._latency else 0

    def reply(
        self, call: RecordedExchange, request: Request, now: Millis, later: Millis, names: Mapping[str, str]
    ) -> Reply:
        """Its answer to a request of `now`; instants in it are `later` on this clock than on the recorded one.

        `names` gives recorded ids others.
        """
        response = call.response or _NOTHING
        headers = tuple(
            (name, renamed(self._filled(value).replace(DECOY_ORIGIN, self.elsewhere), names))
            for name, value in response.headers
        )
        text = renamed(self._filled(response.body.decode("utf-8", "surrogateescape")), names)
        body, latency = text.encode("utf-8", "surrogateescape"), self.latency(call)
        head = replace(response, headers=headers, body=b"", times=())
        if call.streamed:
            parts = partial(self._parts, call, request, body, now, later)
            return Reply(head, latency, call.route, parts=parts, strike=_strike_of(call, None))
        body = self._answer(call, request, body, later)
        strike = _strike_of(call, 2 * len(body) or None)  # more was promised than came, where anything did
        whole, waited = replace(head, body=body), (call.first or 0) - call.latency
        # it waited for its job, as it does on any clock
        settles = (lambda: (now + waited, whole)) if waited > 0 else None
        return Reply(whole, latency, call.route, strike=strike, settles=settles)

    def filled(self, request: Request) -> Request:
        """A recorded request as a client makes it that was answered here."""
        return replace(
            request,
            path=self._filled(request.path),
            query=self._filled(request.query),
            body=self._filled(request.body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape"),
        )

    def _filled(self, text: str) -> str:
        return with_hosts(text.replace(HERE, self.here), self.hosts)

    def _parts(self, call: RecordedExchange, request: Request, body: bytes, now: Millis, later: Millis) -> Parts:
        """A stream's events when they are due; of one whose times nobody wrote down, all when the last one was."""
        *events, rest = body.split(END_OF_EVENT)
        last = _lasts(call)
        times = (call.response or _NOTHING).times or (last,) * len(events)
        for at, event in enumerate(events):
            name, begins, data = event.partition(_DATA)
            value = self._answer(call, request, data if begins else event, later)
            yield now + times[min(at, len(times) - 1)], (name + begins if begins else b"") + value + END_OF_EVENT
        if rest:
            yield now + last, rest

    def _answer(self, call: RecordedExchange, request: Request, body: bytes, later: Millis) -> bytes:
        """The body as an answer to this request: of today, and with the id of this call where its wire gives it one."""
        body = redated(body, self._shift + later)
        client = client_of(call.route)
        if client is None or not client.call_id or call.route not in client.calls:
            return body
        answer, own = members_of(body), members_of(request.body)
        recorded = members_of(call.request.body).get(client.call_id)
        if recorded is None or answer.get(client.call_id) != recorded or client.call_id not in own:
            return body
        return json_bytes({**answer, client.call_id: own[client.call_id]})


def _lasts(call: RecordedExchange) -> Millis:
    """From the request to the end of the answer."""
    return call.answered_at - call.at


def _strike_of(call: RecordedExchange, promised: int | None) -> Strike | None:
    """How the server cut its answer, of which so many bytes were `promised`; None: it came whole."""
    begun = call.response is not None
    match call.cut:
        case "timeout":
            return Strike("stall" if begun else "hang", promised, call.cut, max(0, _lasts(call) - call.latency))
        case "truncated":
            return Strike("wrong-length" if begun else "empty", promised, call.cut)
        case "reset":
            return Strike("reset", promised, call.cut)
        case _:
            return None
