"""The commands: what each does, and an example of it. In `lab/cli/grammar/options.py` stand the options of each."""

COMMANDS = {
    "demo": ("show one run on the screen: mock and external app", "lab demo item-comparison"),
    "serve": ("the mock alone, for your own client", "lab serve item-comparison --port 8080"),
    "run": ("one run of the external app as a transcript", "lab run item-comparison --speed instant"),
    "capture": (
        "record what your client and a pod say to each other",
        "lab capture --pod https://POD --allow-host POD monday",
    ),
    "replay": ("evaluate recordings again and compare", "lab replay recordings/*.rec.jsonl"),
    "check": ("complaints and warnings about scenarios", "lab check scenarios/ --strict"),
    "watch": ("a running lab on the screen: what others' clients do", "lab watch http://127.0.0.1:8081"),
    "play": ("a recording on the screen, played back", "lab play item-comparison"),
    "drill": ("every variant of a scenario with one fault", "lab drill item-comparison --family W,P"),
    "show": ("a recording as a transcript, a page, a script, or a film", "lab show item-comparison"),
    "simulate": (
        "what a scenario means for many jobs: ends, waits, polls, tokens",
        "lab simulate item-comparison --poll '2s..30s x1.5'",
    ),
    "rehearse": ("run your client against scenarios or drills, and judge it", "lab rehearse quick -- python client.py"),
    "report": ("what clients did well and badly: in recordings, or a running lab", "lab report recordings/*.rec.jsonl"),
    "repair": ("make an open or torn recording whole", "lab repair recordings/cut.rec.jsonl"),
    "learn": ("print a scenario that plays what was observed", "lab learn calls.har > scenarios/calls.yaml"),
    "new": ("print a commented scenario to start from", "lab new refund > scenarios/refund.yaml"),
    "schema": ("print the scenario language as JSON Schema", "lab schema > lab.schema.json"),
    "openapi": ("print the mocked API as an OpenAPI document", "lab openapi > api.json"),
    "fidelity": ("what is documented, observed, assumed; what a recording of a pod says of it", "lab fidelity monday"),
    "completion": (
        "print what completes lab in a shell",
        "lab completion bash > ~/.local/share/bash-completion/completions/lab",
    ),
    "doctor": ("what the lab runs on, and whether something there is wrong", "lab doctor http://127.0.0.1:8081"),
    "docs": ("the reference: the wire, scenarios, recordings, ...", "lab docs control-plane"),
}
"""In the order in which the help lists them."""

EXITS = """exit codes: 0 done · 1 a divergence, or a run that went otherwise than expected · 2 wrong usage or a bad scenario
            3 an unreadable recording · 4 port, disk · 5 nothing matched · 70 a bug of the lab · 130 interrupted"""
