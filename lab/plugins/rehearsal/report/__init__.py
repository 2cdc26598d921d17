"""What a client did well and badly: rules over a recording, their findings, a score (clients.md §5).

    calls     the exchanges of a recording, as rules look at them       calls.py
    history   all of one client: its calls, grants and jobs, its stops  history.py
    occasion  a rule's chance to be kept or broken, with its lines      rule.py
    finding   what a rule says in the end: pass, fail, not exercised    judge.py

The report is a function of recordings: no clock, no socket, the same answer every time.
"""
