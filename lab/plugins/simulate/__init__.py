"""What a scenario means for many: a simulation of so many jobs, of who decides at their gates, and of who polls them.

A job is a function of its plan, so nothing has to be run to learn what a hundred thousand of them do. What depends on
other jobs is worked out in one pass in the order of time (`passes`): which job is the k-th that a server takes, and when a
reviewer who has one gate at a time comes to it. `result` counts each job that is over, and holds schedules of polls
(`schedule`) against them; `text` and `page` say what it all comes to.

Every number is a count or a whole number of milliseconds, and every draw goes by its name: the same seed gives the same
result, and job k is the k-th that a server with this seed would take.
"""
