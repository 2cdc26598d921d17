"""A program: what a scenario says, read and checked, as all rooms know it. Frozen values; nothing here reads text.

    words       status, verdict, durations, chances, and how annotations say the way a part is written
    draws       what is drawn: latencies, and the data of a job
    steps       the kinds of steps, where each leads, what it says and answers
    faults      what goes wrong on the wire, on which routes
    switches    how the server answers where sources differ (contract.md §10)
    scenario    the whole
    settings_file   who may log in, and a server's own settings

`lab.language` makes one of YAML text, and keeps it in a cache.
"""
