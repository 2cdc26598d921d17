"""What the kernel declares of itself: its commands, forms, routes and wire, by the values that plugins use."""

from typing import Any

from lab.plugin import CliCommand, ControlRoute, ExportForm, Plugin, WireDeclared

_COMMANDS = "lab.cli.commands"
_SHOW = "lab.recording.show"


def _command(group: str, name: str, does: str, example: str, asks: str = "command_settings") -> CliCommand:
    """One whose module has its name, and so has the Struct of what it is asked, in a module of such."""
    struct = f"lab.cli.{asks}:{name.capitalize()}Settings"
    return CliCommand(group, name, does, example, f"{_COMMANDS}.{name}:execute", struct)


_COMPLETION = "lab completion bash > ~/.local/share/bash-completion/completions/lab"
KERNEL_COMMANDS = (
    _command(
        "show", "demo", "show one run on the screen: mock and external app", "lab demo item-comparison", "run_settings"
    ),
    _command("show", "play", "a recording on the screen, played back", "lab play item-comparison"),
    _command("show", "watch", "a running lab on the screen: what others' clients do", "lab watch http://127.0.0.1:8081"),
    _command("show", "run", "one run as lines, with its outcome", "lab run item-comparison --speed instant", "run_settings"),
    _command(
        "your client", "serve", "the mock alone, for your own client", "lab serve item-comparison --port 8080",
        "serve.settings",
    ),
    _command("scenarios", "new", "print a commented scenario to start from", "lab new refund > scenarios/refund.yaml"),
    _command("scenarios", "check", "complaints and warnings about scenarios", "lab check scenarios/ --strict"),
    _command("recordings", "replay", "evaluate recordings again and compare", "lab replay recordings/*.rec.jsonl"),
    _command("recordings", "show", "as a transcript, a page, a script, or a film", "lab show item-comparison"),
    _command(
        "recordings", "capture", "record what your client and a pod say to each other",
        "lab capture --pod https://POD --allow-host POD monday", "serve.settings",
    ),
    _command("recordings", "repair", "make an open or torn one whole", "lab repair recordings/cut.rec.jsonl"),
    _command("reference", "docs", "the pages: the wire, scenarios, recordings, ...", "lab docs control-plane"),
    _command(
        "reference", "fidelity", "what is documented, observed, assumed; what a capture says of that",
        "lab fidelity | grep assumed",
    ),
    _command("reference", "schema", "the scenario language as JSON Schema", "lab schema > lab.schema.json"),
    _command("reference", "openapi", "the mocked API as an OpenAPI document", "lab openapi > api.json"),
    _command(
        "reference", "doctor", "what the lab runs on, and whether something there is wrong",
        "lab doctor http://127.0.0.1:8081",
    ),
    _command("", "completion", "print what completes lab in a shell", _COMPLETION),
)  # fmt: skip
"""In the order in which the help lists them."""


def _route(method: str, path: str, place: str, does: str, **more: Any) -> ControlRoute:
    """One whose module of the control plane's has a function by the name of the Struct that it takes."""
    module, _, takes = place.partition(":")
    run = "".join(f"_{each.lower()}" if each.isupper() else each for each in takes).lstrip("_")
    return ControlRoute(method, path, f"lab.server.control.{module}:{run}", f"lab.control:{takes}", does, **more)


ROUTES = (
    _route("GET", "", "overview:ListRoutes", "these routes, each with a call to try", of_the_process=True),
    _route(
        "GET", "openapi.json", "overview:DescribeRoutes",
        "the control plane itself as an OpenAPI document", of_the_process=True,
    ),
    _route(
        "GET", "health", "overview:LookHealth", "whether all is well, and what runs here", probe=True,
        of_the_process=True,
    ),
    _route(
        "GET", "ready", "overview:AskReady", "whether calls are to be sent to this process: 200, else 503",
        probe=True, of_the_lab=True, of_the_process=True,
    ),
    _route("GET", "jobs", "jobs:ListJobs", "the newest jobs, oldest first", example="jobs?limit=20"),
    _route("GET", "jobs/{job}", "jobs:LookJob", "one job with its body; with `until`, once it has that status"),
    _route(
        "GET", "journal", "overview:TellJournal",
        "all that happened, as lines of a recording; with `follow=1` also what happens",
    ),
    _route("GET", "openapi", "overview:DescribeApi", "the mocked API as an OpenAPI document", of_the_process=True),
    _route(
        "GET", "scenarios", "overview:ListScenarios",
        "what is served, and what a client sends to have it played", of_the_process=True,
    ),
    _route(
        "GET", "calls", "overview:CountCalls", "what clients called, counted", example="calls?route=status&job=$job",
    ),
    _route(
        "GET", "metrics", "overview:ScrapeMetrics",
        "calls, latencies, jobs and connections, counted for Prometheus", of_the_process=True,
    ),
    _route("GET", "clock", "clock:LookClock", "the clock as it is"),
    _route(
        "POST", "clock", "clock:SetClock", "moves a manual clock on, or sets the pace of a scaled one",
        body='{"advance":"10s"}',
    ),
    _route(
        "POST", "virtual-time", "clock:DriveClock", "lets a client live by a manual clock",
        body='{"until":86400000,"reads":true}', of_the_lab=True,
    ),
    _route(
        "POST", "jobs/{job}/decisions", "jobs:DecideGate", "decides at a gate",
        body='{"gate":"buyer-approval","verdict":"approved","by":"jane","comment":"Go on."}',
    ),
    _route("GET", "faults", "jobs:ListFaults", "the faults that may strike"),
    _route(
        "POST", "faults", "jobs:ArmFault", "arms a fault",
        body='{"route":"status","answer":503,"retry_after":"2s","name":"busy"}',
    ),
    _route("DELETE", "faults/{name}", "jobs:DisarmFault", "disarms one", example="faults/busy"),
    _route(
        "POST", "tokens", "jobs:EndTokens", "expires or revokes a client's tokens, or rotates the key",
        body='{"client":"demo","do":"expire"}',
    ),
    _route(
        "POST", "devices", "jobs:DecideDevice", "answers for the device that shows a code",
        body="""{"user_code":"'$user_code'","answer":"approve"}""",
    ),
    _route("POST", "tape", "rewind:RunTape", "begins a recording, or ends it", body='{"name":"morning"}'),
    _route("POST", "reset", "rewind:ResetLab", "clears all, for the next test; or goes back to an instant", body="{}"),
    _route("GET", "tenants", "tenant_commands:ListTenants", "the tenants that are there", of_the_lab=True),
    _route(
        "POST", "tenants", "tenant_commands:MakeTenant",
        "makes a tenant, with a clock, jobs and tokens of its own",
        body='{"name":"ann","seed":7,"scenarios":["item-comparison"]}', of_the_lab=True,
    ),
    _route(
        "DELETE", "tenants/{name}", "tenant_commands:EndTenant", "ends one, with all that it holds",
        example="tenants/ann", of_the_lab=True,
    ),
)  # fmt: skip
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
    ExportForm("text", "a transcript", f"{_SHOW}.transcript:transcript_lines"),
    ExportForm("har", "HAR 1.2", f"{_SHOW}.har:har"),
    ExportForm("md", "Markdown", f"{_SHOW}.walkthrough:walkthrough"),
    ExportForm("html", "a page", f"{_SHOW}.timeline_page:as_page"),
)
KERNEL = Plugin(
    "kernel",
    "demo, serve, run, record, replay, play, watch, check",
    commands=KERNEL_COMMANDS,
    routes=ROUTES,
    wires=(FUSION_DECLARED,),
    forms=EXPORT_FORMS,
)
