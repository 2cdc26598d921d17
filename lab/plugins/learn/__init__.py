"""What was observed of a polled API -> a scenario that plays it again (recordings.md §17).

bytes of a file -> calls          `reading`: recordings, HAR, cassettes
calls -> the turns of one story   `story` of our wires, `foreign` of any other
a story -> a session              `command`, with `failures`; redacted there
a session -> YAML with comments   `scenario`
"""
