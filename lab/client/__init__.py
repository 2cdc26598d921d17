"""The external app's shell: what a run asks for is performed here, over sockets or in one process.

`memory` (a mock joined directly), `transport` (the door to outgoing sockets), `observed_run` (what a run tells observers),
`driver` (performs effects), `instant` (the same without a loop), `control` (a client of the control plane).
"""
