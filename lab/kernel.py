"""What the kernel declares of itself: its commands, forms, routes and wire, by the values that plugins use."""

from lab.plugin import CliCommand, ControlRoute, ExportForm, Plugin, WireDeclared

_OPTIONS = "lab.cli.grammar.options"
_COMMANDS = "lab.cli.commands"
_SHOW = "lab.recording.show"


def _command(name: str, does: str, example: str) -> CliCommand:
    """One whose module and whose table of options have its name."""
    return CliCommand(name, does, example, f"{_COMMANDS}.{name}:execute", f"{_OPTIONS}:{name.upper()}_OPTIONS")


KERNEL_COMMANDS = (
    _command("demo", "show one run on the screen: mock and external app", "lab demo item-comparison"),
    _command("serve", "the mock alone, for your own client", "lab serve item-comparison --port 8080"),
    _command("run", "one run of the external app as a transcript", "lab run item-comparison --speed instant"),
    _command(
        "capture",
        "record what your client and a pod say to each other",
        "lab capture --pod https://POD --allow-host POD monday",
    ),
    _command("replay", "evaluate recordings again and compare", "lab replay recordings/*.rec.jsonl"),
    _command("check", "complaints and warnings about scenarios", "lab check scenarios/ --strict"),
    _command("watch", "a running lab on the screen: what others' clients do", "lab watch http://127.0.0.1:8081"),
    _command("play", "a recording on the screen, played back", "lab play item-comparison"),
    _command("show", "a recording as a transcript, a page, a script, or a film", "lab show item-comparison"),
    _command("repair", "make an open or torn recording whole", "lab repair recordings/cut.rec.jsonl"),
    _command("new", "print a commented scenario to start from", "lab new refund > scenarios/refund.yaml"),
    _command("schema", "print the scenario language as JSON Schema", "lab schema > lab.schema.json"),
    _command("openapi", "print the mocked API as an OpenAPI document", "lab openapi > api.json"),
    _command(
        "fidelity",
        "what is documented, observed, assumed; of a recording, what it says of that",
        "lab fidelity | grep assumed",
    ),
    _command(
        "completion",
        "print what completes lab in a shell",
        "lab completion bash > ~/.local/share/bash-completion/completions/lab",
    ),
    _command(
        "doctor", "what the lab runs on, and whether something there is wrong", "lab doctor http://127.0.0.1:8081"
    ),
    _command("docs", "the reference: the wire, scenarios, recordings, ...", "lab docs control-plane"),
)
"""In the order in which the help lists them."""
ROUTES = (
    ControlRoute("GET", "", "routes", "these routes, each with a call to try"),
    ControlRoute("GET", "openapi.json", "description", "the control plane itself as an OpenAPI document"),
    ControlRoute("GET", "health", "health", "whether all is well, and what runs here"),
    ControlRoute("GET", "ready", "ready", "whether calls are to be sent to this process: 200, else 503"),
    ControlRoute("GET", "jobs", "jobs", "the newest jobs, oldest first", example="jobs?limit=20"),
    ControlRoute("GET", "jobs/{job}", "job", "one job with its body; with `until`, once it has that status"),
    ControlRoute(
        "GET", "journal", "journal", "all that happened, as lines of a recording; with `follow=1` also what happens"
    ),
    ControlRoute("GET", "openapi", "openapi", "the mocked API as an OpenAPI document"),
    ControlRoute("GET", "scenarios", "scenarios", "what is served, and what a client sends to have it played"),
    ControlRoute("GET", "calls", "calls", "what clients called, counted", example="calls?route=status&job=$job"),
    ControlRoute("GET", "metrics", "metrics", "calls, latencies, jobs and connections, counted for Prometheus"),
    ControlRoute("GET", "clock", "clock", "the clock as it is"),
    ControlRoute(
        "POST",
        "clock",
        "set_clock",
        "moves a manual clock on, or sets the pace of a scaled one",
        body='{"advance":"10s"}',
    ),
    ControlRoute(
        "POST",
        "virtual-time",
        "virtual_time",
        "lets a client live by a manual clock",
        body='{"until":86400000,"reads":true}',
    ),
    ControlRoute(
        "POST",
        "jobs/{job}/decisions",
        "decide",
        "decides at a gate",
        body='{"gate":"buyer-approval","verdict":"approved","by":"jane","comment":"Go on."}',
    ),
    ControlRoute("GET", "faults", "faults", "the faults that may strike"),
    ControlRoute(
        "POST", "faults", "arm", "arms a fault", body='{"route":"status","answer":503,"retry_after":"2s","name":"busy"}'
    ),
    ControlRoute("DELETE", "faults/{name}", "disarm", "disarms one", example="faults/busy"),
    ControlRoute(
        "POST",
        "tokens",
        "tokens",
        "expires or revokes a client's tokens, or rotates the key",
        body='{"client":"demo","do":"expire"}',
    ),
    ControlRoute(
        "POST",
        "devices",
        "devices",
        "answers for the device that shows a code",
        body="""{"user_code":"'$user_code'","answer":"approve"}""",
    ),
    ControlRoute("POST", "tape", "tape", "begins a recording, or ends it", body='{"name":"morning"}'),
    ControlRoute("POST", "reset", "reset", "clears all, for the next test; or goes back to an instant", body="{}"),
    ControlRoute("GET", "tenants", "tenants", "the tenants that are there"),
    ControlRoute(
        "POST",
        "tenants",
        "make_tenant",
        "makes a tenant, with a clock, jobs and tokens of its own",
        body='{"name":"ann","seed":7,"scenarios":["item-comparison"]}',
    ),
    ControlRoute("DELETE", "tenants/{name}", "end_tenant", "ends one, with all that it holds", example="tenants/ann"),
)
"""Of the control plane, in the order of its page (control-plane.md)."""
FUSION_DECLARED = WireDeclared(
    "fusion",
    "lab.dialects.fusion:WIRE",
    routes=(
        "invoke",
        "status",
        "stream",
        "chat",
        "debug",
        "tokens",
        "workflows",
        "relay",
        "anticsrf",
        "relay-basic",
        "documents",
        "documents-batch",
        "documents-attach",
        "multiplex",
    ),
    of_a_job=("invoke", "status", "stream", "chat", "debug"),
    judges="lab.dialects.fusion.judges:FUSION_JUDGES",
)
EXPORT_FORMS = (
    ExportForm("text", "a transcript", f"{_SHOW}.exports:as_transcript"),
    ExportForm("har", "HAR 1.2", f"{_SHOW}.exports:as_har"),
    ExportForm("md", "Markdown", f"{_SHOW}.exports:as_markdown"),
    ExportForm("html", "a page", f"{_SHOW}.exports:as_page"),
)
KERNEL = Plugin(
    "kernel",
    "demo, serve, run, record, replay, play, watch, check",
    commands=KERNEL_COMMANDS,
    routes=ROUTES,
    operations="lab.server.control",
    wires=(FUSION_DECLARED,),
    forms=EXPORT_FORMS,
)
