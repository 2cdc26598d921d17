"""What a scenario means for many: a simulation of so many jobs, of who decides at their gates, and of who polls them.

A job is a function of its plan, so nothing has to be run to learn what a hundred thousand of them do (`crowd`). `result`
counts them and holds schedules of polls (`schedule`) against them: one value, which `text` and `page` say. Every draw goes
by its name, so the same seed gives the same result, and job k is the k-th that a server with this seed would take.
"""
