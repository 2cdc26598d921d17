"""The only door to the disk.

`scenarios` (their text in), `recordings` (in and out, crash-safe), `output_files` (what a scenario's outputs name),
`runtime` (what belongs to a lab that is running: its control token), `journal_file` (what a lab has accepted), `artifacts`
(what a command leaves behind), `processes` (whose environment carries a mark), `opening` (how all of them open a file).
"""
