"""The external app's shell: what a run asks for is performed here, over sockets or in one process.

`driver` (performs effects, and notifies observers), `instant` (the same without a loop: a mock joined directly), `transport`
(the door to outgoing sockets), `control` (a client of the control plane).
"""
