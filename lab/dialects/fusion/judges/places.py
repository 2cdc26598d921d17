"""What else is there: a local orchestrator's paths, the list of workflows, streams (contract.md §2, §8)."""

from collections.abc import Callable, Iterator

from lab.core.evidence import PodCall, PodTraffic, Sign, countable, sign_of
from lab.core.exchange import Json, header_of
from lab.core.routes import Route
from lab.dialects.fusion.client import FusionClient


def judge_local_path(row: Route) -> Callable[[PodTraffic], Iterator[Sign]]:
    """Whether a path that only a local orchestrator has is there."""

    def look(traffic: PodTraffic) -> Iterator[Sign]:
        for call in traffic.calls:
            if call.route is not None and call.route.route == row and call.status < 500 and call.status != 401:
                absent = call.status == 404
                yield sign_of(call, absent, f"{call.status} to {call.method} {row.path}", "on")

    return look


def judge_relayed(traffic: PodTraffic) -> Iterator[Sign]:
    """A token of the cookie relay opens the API, whoever sends it."""
    tokens: set[Json] = set()
    for call in traffic.calls:
        if call.name == "relay" and call.good:
            tokens.add(countable(call.object.get("access_token")))
        elif call.code and call.bearer in tokens:
            yield sign_of(call, call.status != 401, f"{call.status} to a token of the relay")


# Workflows


def judge_listed(traffic: PodTraffic) -> Iterator[Sign]:
    """The list has `items`."""
    for call in traffic.of("workflows"):
        if call.good or call.status == 404:
            yield sign_of(call, isinstance(call.object.get("items"), list), f"{call.status} to the list of workflows")


def judge_member(name: str, fits: Callable[[Json], bool]) -> Callable[[PodTraffic], Iterator[Sign]]:
    """Whether each workflow in the list has a member of this form."""

    def look(traffic: PodTraffic) -> Iterator[Sign]:
        for call in traffic.of("workflows"):
            items = call.object.get("items")
            for item in items if call.good and isinstance(items, list) else ():
                if isinstance(item, dict):
                    value = item.get(name)
                    yield sign_of(call, fits(value), f"{name} is {str(value)[:40]}")

    return look


# Streams


def judge_ends(traffic: PodTraffic) -> Iterator[Sign]:
    """The last event is `[DONE]`."""
    for call in _streams(traffic):
        done = call.text.rstrip().endswith("data: [DONE]")
        yield sign_of(call, done, f"a stream that ends {'with' if done else 'without'} [DONE]", "off")


def judge_silences(traffic: PodTraffic) -> Iterator[Sign]:
    """No comments at silences."""
    for call in _streams(traffic):
        comments = any(line.startswith(":") for line in call.text.splitlines())
        yield sign_of(call, not comments, f"{'comments' if comments else 'no comment'} in a stream", "15s")


def judge_debugging(name: str) -> Callable[[PodTraffic], Iterator[Sign]]:
    """A run with this member of debugParams goes through to its end."""

    def look(traffic: PodTraffic) -> Iterator[Sign]:
        for call in traffic.of("debug"):
            sent = call.sent.get("debugParams")
            if not isinstance(sent, dict) or (name != "debugParams" and not sent.get(name)):
                continue
            if call.good or call.status == 400:
                ended = any("finishReason" in str(event) for event in call.events())
                yield sign_of(
                    call, call.good and ended, f"{call.status}" + ("" if ended else ", no end") + f" with {name}"
                )

    return look


def _streams(traffic: PodTraffic) -> Iterator[PodCall]:
    return (
        call
        for call in traffic.of(*FusionClient.streams)
        if call.good and "event-stream" in (header_of(call.answer, "content-type") or "")
    )
