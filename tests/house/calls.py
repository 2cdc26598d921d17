"""What one warm poll of a mock passes, and how often an answered gate is planned: `python calls.py CHECKOUT`.

It runs in a process of its own, which imports the checkout and no test but its `wire_peer`.
"""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

LATENCY = {"latency": {"status": {"between": ["35ms", "60ms"]}}}
"""A poll is drawn a latency, as in every scenario that ships."""
ASKED = {"message": "Taxi 42", "conversational": True, "conversationId": None}


@contextmanager
def calls(lab: Path) -> Iterator[list[tuple[str, str]]]:
    """The functions of the package that are called meanwhile, in order: file and name."""
    found: list[tuple[str, str]] = []

    def note(frame: FrameType, event: str, _argument: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(f"{lab}{os.sep}"):
            found.append((code.co_filename, code.co_qualname))

    sys.setprofile(note)
    try:
        yield found
    finally:
        sys.setprofile(None)


async def over_a_socket(mock: Any, poll: Any, lab: Path) -> list[tuple[str, str]]:
    """The calls of a warm poll, from the first byte of its request to the last of its answer."""
    from lab.clocks import ManualClock

    try:
        module = import_module("lab.server.mock_server")
    except ModuleNotFoundError:  # as it was called before
        module = import_module("lab.server.app")
    server = module.MockServer(mock, ManualClock(1_800))
    port = int((await server.start()).rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = "".join(f"{name}: {value}\r\n" for name, value in poll.headers)

    async def ask() -> None:
        writer.write(f"GET {poll.path} HTTP/1.1\r\nhost: lab\r\n{head}\r\n".encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.partition(b":")[2]))

    await ask()
    await ask()
    with calls(lab) as warm:
        await ask()
    writer.close()
    await server.stop(0)
    return warm


def counted(checkout: Path) -> dict[str, int]:
    """The figures, by name."""
    (path,) = (checkout / "tests").rglob("wire_peer.py")
    peer: Any = import_module(".".join(path.relative_to(checkout).with_suffix("").parts))
    mock = peer.service({**peer.DOCUMENT, **LATENCY})
    mock.observers.append(lambda observation: None)
    bearer = peer.token(mock)
    job = peer.read(mock.serve(peer.invoke(bearer, ASKED), 1_000).response)["jobId"]

    poll = peer.status(bearer, job)
    for instant in (1_500, 1_600):
        mock.serve(poll, instant)
    with calls(checkout / "lab") as warm:
        mock.serve(poll, 1_700)

    whole = asyncio.run(over_a_socket(mock, poll, checkout / "lab"))

    node = peer.read(mock.serve(poll, 5_000).response)["waitingNodeDetails"]
    given = {"messageInstanceId": node["callbackToken"], "userResponse": "APPROVE_ACTION"}
    resume = peer.invoke(bearer, {"message": "", "jobId": job, "resumeInput": given})
    with calls(checkout / "lab") as answered:
        reply = mock.serve(resume, 6_000)
    assert reply.response.status == 202, reply.response
    plans = [name for file, name in answered if name == "plan" and Path(file).name == "plan.py"]
    return {
        "modules that a warm poll passes": len({file for file, _ in warm}),
        "functions that it passes": len(set(warm)),
        "calls that it makes": len(warm),
        "modules that it passes with its socket": len({file for file, _ in whole}),
        "functions that it passes with its socket": len(set(whole)),
        "plans made for one answered gate": len(plans),
    }


if __name__ == "__main__":
    print(json.dumps(counted(Path(sys.argv[1]).resolve())))
