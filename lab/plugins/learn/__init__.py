"""What was observed of a polled API -> a scenario that plays it again (recordings.md §17).

bytes of a file -> calls          `traffic`, of HAR and cassettes `files`
calls -> the turns of one story   `own` reads our wires, `foreign` any other
a story -> a session              `command`, with `model` (stretches, paces) and `failures`; redacted by `traffic`
a session -> YAML with comments   `scenario`
"""
