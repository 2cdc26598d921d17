"""What a job is: a function, and not a process.

    view = at(plan(scenario, seed, invocation), decisions, now)

Nothing here runs, waits or remembers. Read it in this order; each module opens with what must hold and an example.

    gates       when an opening takes a vote, and which vote ends it
    program     a scenario indexed, which part of it answers what, and what jobs play that no author wrote
    plan        what chance settles before a job begins
    span        a stretch of a job, in one status and step; a parallel is cut where one of its steps ends
    names       what texts and conditions see of a job, and outputs in all their forms
    branches    which way a job goes on where there are several
    timeline    the walk over the steps: read it twice
    facts       what is accepted of a job, the records that folding it gives, and what follows without anybody accepting it
    texts       what a job says of itself, before any wire words it
    own_run     a scenario's own messages as jobs, and how such a run may end
    trials      jobs in thought, and what of their texts fails
    lint        what a scenario probably doesn't mean
"""
