"""What a client did well and badly: rules over a recording, their findings, a score (clients.md §5).

    history   all of one client: its calls, grants and jobs, and where it stopped   history.py, gather.py, stops.py
    occasion  a rule's chance to be kept or broken, with its lines                  rule.py
    finding   what a rule says in the end: pass, fail, not exercised                judge.py
    run       how a client ended in a rehearsal, and how a good one would have      runs.py

The report is a function of recordings: no clock, no socket, the same answer every time.
"""
