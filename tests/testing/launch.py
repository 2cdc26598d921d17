"""Stands for `python -m lab` as a process: whoever listens at the socket forks one that has this one's streams.

`python -S -E launch.py SOCKET [ARGUMENT…]` imports next to nothing, for it is started again and again.
"""

import os
import socket
import sys


def launch(path: str, argv: list[str]) -> int:
    """Ask for a lab, and return how it ended."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as end:
        end.connect(path)
        environment = [f"{name}={value}" for name, value in os.environ.items()]
        socket.send_fds(end, ["\0".join([str(len(argv)), os.getcwd(), *argv, *environment]).encode()], [0, 1, 2])
        for stream in (0, 1, 2):
            os.close(stream)
        return int(end.recv(16) or b"1")


if __name__ == "__main__":
    os._exit(launch(sys.argv[1], sys.argv[2:]))  # its streams are closed
