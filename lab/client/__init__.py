"""The external app's shell: what a run asks for is performed here, over sockets or in one process.

`driver` (performs effects, and notifies observers; a mock joined directly without a loop), `transport` (the door to
outgoing sockets), `control` (a client of the control plane).
"""
