"""The only door to the disk.

`scenarios` (their text in, and what the lab carries), `programs` (what was read of them before, and what their outputs
name), `recordings` (read), `growing_files` (recordings and journals as they are written, crash-safe), `runtime` (what
belongs to a lab or a client that is running), `artifacts` (what a command leaves behind), `preferences`, and `opening`
(how all of them read and write a file).
"""
