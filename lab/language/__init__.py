"""How an author writes what `lab.program` holds: YAML, shapes, patterns, templates and generated data (scenarios.md).

    parse        YAML to a program, or every complaint about it, each with its place
    shape        how each part is written, by its annotations: reading, writing, the JSON Schema
    templates    texts with names in them: checked against an allow-list, rendered within bounds
    patterns     regular expressions, RE2's
    values       the data that a job is given, drawn by name; `generators` what Faker makes of it

What a job does with a scenario is `lab.jobs`.
"""
