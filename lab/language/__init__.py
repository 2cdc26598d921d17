"""What an author writes: the scenario document, its parser, templates and generated data (scenarios.md).

    document     the typed document: each part says its keys, bounds and defaults; the schema is made of it
    generate     the data that a job is given, drawn by name
    templates    texts with names in them: checked against an allow-list, rendered within bounds
    parse        YAML to that document, or every complaint about it, each with its place

What a job does with a scenario is `lab.jobs`.
"""
