"""The mock server's shell: sockets become values, replies become bytes; nothing here knows what a job is.

`limits` (what it refuses), `listener`, `listening_server` and `tls` (ports), `connection` (one connection, its deadlines, its
requests' bodies), `request_reader` (what a head says), `response_writer` (Response -> bytes), `delivery` (how a reply
leaves), `mock_server` (the mocked API), `control` (the control plane).
"""
