"""The only door to the disk.

`scenarios` (their text in, and what the lab carries), `programs` (what was read of them before), `output_files` (what a
scenario's outputs name), `recordings` (in and out, crash-safe), `journal_file` (what a lab has accepted), `runtime` (what
belongs to a lab or a client that is running), `artifacts` (what a command leaves behind), `preferences`, and `opening`
(how all of them open a file).
"""
