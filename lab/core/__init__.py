"""The core, pure: no clock, no loop, no disk, no chance but draws by name.

The principle
    A job is not a process. It is a function:

        view = at(plan(scenario, seed, invocation), decisions, now)

    Nothing waits on a job's behalf. Polling reads; it never advances. So a restart loses nothing, a million parked
    jobs cost only their records, skipping time is setting a number, replay is evaluating again, two pollers can't
    race, and no test needs to wait.

Three corollaries
    Chance ends before time begins. Every latency, branch and generated value is settled by its name, a hash of seed,
    scenario, ordinal, step and visit. There is no shared generator, so adding a step or running jobs side by side
    moves no other draw. Generated values are taken at acceptance and kept; integers may be drawn when looked at.

    State is a fold over a journal. What is accepted from outside is appended as a fact; folding the facts gives the
    records; a recording is that journal on disk. What follows from plan, facts and instant (a gate that times out, a
    script's answer) is a derived fact: computed, shown, recorded, never stored. The list of a job's derived facts
    only grows at its end, so whoever has shown n of them shows the rest next.

    Both ends are machines without I/O. The server takes a request and an instant and gives a reply and facts. The
    external app is a generator that yields what it wants done: send, wait, ask. Shells perform it. Joined directly,
    the two are the whole system in one process, with no socket and no waiting.

Subtle points
    Time is integer milliseconds since the lab's epoch; intervals are half-open: a decision counts when
    `opened <= at < deadline`. A script's answer due at an instant comes before a live one at it; the first decision
    wins, later ones are refused at the door. Decisions later than `now` are not looked at, so the future doesn't
    leak. Latency is data: a reply says how long it is withheld, and only a shell waits.

Reading order, from the bottom of the house up
    core: clock, exchange, errors, seeds    the values everything is made of; how chance is named
    core: journal                           facts, the fold, the ledger, and what one call brings
    language: document, parse, templates    what an author writes; YAML to a scenario, or every complaint
    jobs: gates, plan, timeline             the principle itself: read `timeline` twice
    jobs: facts, records, derived           a job's facts and records, and what follows of it
    identity, faults                        the OAuth server; what fails on the wire, and which call it strikes
    dialects                                routes and bodies: one contract for both ends
    mock                                    the mock server
    app                                     the external app: how to integrate with an asynchronous agent API
    recording                               a journal on disk: written, redacted, replayed
"""
