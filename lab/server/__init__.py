"""The mock server's shell: sockets become values, replies become bytes; nothing here knows what a job is.

`limits` (what it refuses), `incoming` (bytes -> Request), `outgoing` (Response -> bytes), `protocol` (one
connection and its deadlines), `app` (the mocked API), `ring` and `stream` (what onlookers see), `control`
(the control plane).
"""
