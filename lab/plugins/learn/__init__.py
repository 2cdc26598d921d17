"""What was observed of a polled API -> a scenario that plays it again (recordings.md §17).

bytes of a file -> calls          `sources`, of HAR and cassettes `har_file`, `cassette_file`, redacted by `traffic`
calls -> the turns of one story   `own` reads our wires, `foreign` any other, with the tables of `words`
a turn -> stretches, faults       `stretches`, `failures`, with what is usual on a route from `pace`
all of it -> YAML with comments   `draft`, the steps in `steps`, texts in `repeats`, written by `commented_yaml`
"""
