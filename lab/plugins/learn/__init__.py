"""What was observed of a polled API -> a scenario that plays it again (recordings.md §17).

bytes of a file -> calls                      `reading`: recordings, HAR, cassettes
calls -> one conversation, and its faults     `story`; of an API that the lab doesn't speak with `foreign`
a conversation -> YAML with comments          `scenario`; redacted between, by `command`
"""
