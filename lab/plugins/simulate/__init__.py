"""What a scenario means for many: a simulation of so many jobs, of who decides at their gates, and of who polls them.

A job is a function of its plan, so nothing has to be run to learn what a hundred thousand of them do. What depends on
other jobs is worked out in one pass in the order of time (`admission`): which job is the k-th that a server takes, and
when a reviewer who has one gate at a time comes to it. All else depends on one job alone (`calls`), and may be worked
out in any order, so a caller may hand chunks of jobs to several processes:

    workload     how many, how they arrive, who reviews, which schedules of polls are compared
    admission    the pass: jobs in order of acceptance, with the decisions on each          -> chunks
    queue_tally  whom the pass refused, and how gates stood in the queue
    calls        one job and the external app that polls it                                 -> spans, polls
    tally        what a chunk of jobs adds up to
    totals       chunks put together in their order, and how many jobs were under way at once
    schedule     what any other schedule of polls would have meant
    rules_kept   which of them the report would pass
    document, sections, text, html                                                         -> the result

Every number is a count or a whole number of milliseconds, and every draw goes by its name: the same seed gives the same
result whatever the number of processes, and job k is the k-th that a server with this seed would take.
"""
