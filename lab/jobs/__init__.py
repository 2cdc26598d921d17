"""What a job is: a function, and not a process.

    view = at(plan(scenario, seed, invocation), decisions, now)

Nothing here runs, waits or remembers. Read it in this order; each module opens with what must hold and an example.

    gates       when an opening takes a vote, and which vote ends it
    program     a scenario indexed, and what jobs play that no author wrote
    plan        what chance settles before a job begins
    span        a stretch of a job, in one status and step; a parallel is cut where one of its steps ends
    branches    which way a job goes on where there are several
    timeline    the walk over the steps: read it twice
    names       what texts and conditions see of a job, and outputs in all their forms
    texts       what a job says of itself, before any wire words it
    facts, records    what is accepted of a job, and what folding that gives
    derived     what follows of a job without anybody accepting it
    expectation  how a run may end
    lint        what a scenario probably doesn't mean
"""
