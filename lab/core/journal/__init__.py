"""The journal: facts that say what happened, records that folding them gives, and the ledger that holds the records.

State is a fold over the facts, and nothing else: numbers that were used are records too. So a restart, a way back in
time and the opening of a tape that begins late all are the same thing, `MemoryLedger.commit(facts)`. A fact's class
names its fold; each room brings the facts and records of its own, and this package knows none of them. `shared` is what several processes of one lab agree on.
"""
