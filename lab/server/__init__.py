"""The mock server's shell: sockets become values, replies become bytes; nothing here knows what a job is.

`limits` (what it refuses), `listener`, `listening_server` and `tls` (ports), `connection` (one connection and its deadlines), `request_reader`
(bytes -> Request), `response_writer` (Response -> bytes), `delivery` (how a reply leaves), `mock_server` (the mocked
API), `control` (the control plane).
"""
