"""Commands that print a document, and the one that repairs."""

import json
import shutil
from pathlib import Path

import pytest

from lab.language.parse.settings_file import limit_number
from lab.program.switches import Switches
from lab.server.limits import LIMIT_KINDS, ServerLimits
from tests.conftest import ROOT, Lab


def test_a_new_scenario_loads_without_a_warning_and_runs(lab: Lab) -> None:
    printed = lab("new", "refund-request")
    Path("refund-request.yaml").write_text(printed.out)
    assert lab("check", "refund-request.yaml", "--strict").code == 0
    assert lab("run", "./refund-request.yaml", "--speed", "instant").code == 0


@pytest.mark.parametrize("name", ["Refund", "../x", "a b", ""])
def test_a_name_that_is_none(lab: Lab, name: str) -> None:
    assert lab("new", name).code == 2


def test_the_schema_of_settings_offers_what_the_reader_takes(lab: Lab) -> None:
    schema = json.loads(lab("schema", "--settings").out)
    assert set(schema["properties"]) == {*Switches.__struct_fields__, "base", "limits", "accounts"}
    limits = schema["properties"]["limits"]["properties"]
    assert list(limits) == list(LIMIT_KINDS)
    for name, limit in limits.items():
        usual = getattr(ServerLimits(), name)
        assert limit_number(limit["default"], LIMIT_KINDS[name]) == (
            usual * 1000 if LIMIT_KINDS[name] == "time" else usual
        )


def test_the_schema_describes_every_step(lab: Lab) -> None:
    schema = json.loads(lab("schema").out)
    assert {"Work", "Gate", "Complete"} <= set(schema["definitions"])


def test_the_api_as_openapi(lab: Lab) -> None:
    document = json.loads(lab("openapi", "--set", "pod=my-pod").out)
    assert document["openapi"].startswith("3.")
    assert "my-pod" in json.dumps(document)


def test_fidelity_says_three_words(lab: Lab) -> None:
    assert {line.split()[0] for line in lab("fidelity").lines} == {"documented", "observed", "assumed"}
    assert all(json.loads(line)["mark"] for line in lab("fidelity", "--json").lines)


def test_a_torn_recording_is_repaired_and_the_old_file_kept(lab: Lab) -> None:
    torn = (ROOT / "recordings" / "nobody-home.rec.jsonl").read_bytes()[:-90]
    Path("torn.rec.jsonl").write_bytes(torn)
    assert lab("replay", "./torn.rec.jsonl").code == 3
    assert lab("repair", "./torn.rec.jsonl").out == (
        "torn.rec.jsonl repaired: 33 bytes of a torn line cut, closed behind line 32, the reply to x=13."
        " Whatever came later is not in it.\n"
    )
    assert lab("replay", "./torn.rec.jsonl").code == 0
    assert Path("torn.rec.jsonl.old").read_bytes() == torn
    assert lab("repair", "./torn.rec.jsonl").out == "torn.rec.jsonl is whole\n"


def test_the_shipped_recordings_leak_nothing(lab: Lab) -> None:
    assert lab("check", ROOT / "recordings").code == 0 and not [*(ROOT / "recordings").glob("*.allow.txt")]


def test_a_leak_in_a_recording_is_found(lab: Lab) -> None:
    shutil.copy(ROOT / "recordings" / "nobody-home.rec.jsonl", "leaky.rec.jsonl")
    text = Path("leaky.rec.jsonl").read_text().replace("P-117", "https://pod.example-corp.com")
    Path("leaky.rec.jsonl").write_text(text)
    done = lab("check", "leaky.rec.jsonl")
    assert done.code == 3
    assert done.lines[0].startswith("leaky.rec.jsonl:")
