"""Who may speak to the control plane of `lab serve`: a token from the environment, and further names."""

import signal
from pathlib import Path

import pytest

from lab.cli.serve.settings import ControlSettings, ServeSettings
from lab.core.errors import UsageError
from tests.cli.test_serve import fetch, listening, serving
from tests.conftest import each_row
from tests.settings import settings_of

TOKEN = "sixteen-letters!"


def settings(*argv: str, token: str = "") -> ServeSettings:
    return settings_of(ServeSettings, ["serve", *argv], {"LAB_CONTROL_TOKEN": token})


@pytest.mark.parametrize("json", [True, False])
def test_a_token_from_the_environment_opens_the_plane_and_is_never_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, json: bool
) -> None:
    monkeypatch.setenv("LAB_CONTROL_TOKEN", TOKEN)
    with serving("quick", "--record", "./day", *(["--json"] if json else []), cwd=tmp_path) as process:
        if json:
            ready = listening(process)
            assert list(ready) == [
                "base_url",
                "token_url",
                "client_id",
                "client_secret",
                "scope",
                "control_url",
                "seed",
            ]
            health = fetch(f"{ready['control_url']}/_lab/health", {"Authorization": f"Bearer {TOKEN}"})
            assert health["scenarios"] == ["quick"]
            assert fetch(f"{ready['control_url']}/_lab/health", {"Host": "any.example"}) == {"status": "ok"}
        else:
            said = [process.stdout.readline() for _ in range(8)]
            assert "  control token  that of LAB_CONTROL_TOKEN\n" in said
            assert TOKEN not in "".join(said)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate()
    assert TOKEN not in out + err + (tmp_path / "day.rec.jsonl").read_text()


@each_row("token", ["x" * 16, "x" * 200, "!~" * 8, ""])
def test_a_token_has_16_to_200_printable_signs_or_there_is_none(token: str) -> None:
    assert settings(token=token).control == ControlSettings(token=token or None)
    assert token == "" or token not in repr(settings(token=token))


@each_row("token", ["x" * 15, "x" * 201, "x" * 15 + " y", "x" * 16 + "\n", "x" * 16 + "\x7f", "é" * 16])
def test_another_is_refused_and_not_told(token: str) -> None:
    with pytest.raises(UsageError, match="LAB_CONTROL_TOKEN: no control token") as refused:
        settings(token=token)
    assert refused.value.exit_code == 2
    assert token not in f"{refused.value.what}{refused.value.hint}"


def test_further_names_of_the_plane_are_for_one_that_others_can_reach() -> None:
    argv = ["--control-name", "lab", "--control-name", "[::1]"]
    with pytest.raises(UsageError, match="--control-name does nothing without --i-know-this-is-exposed"):
        settings(*argv)
    assert settings(*argv, "--i-know-this-is-exposed").control.names == ("lab", "[::1]")


@each_row("name", ["", "*", "lab:8081", "http://lab", "lab/", ".lab", "a b", "::1", "x" * 300])
def test_a_name_is_a_host_without_a_port(name: str) -> None:
    with pytest.raises(UsageError, match="no host"):
        settings("--control-name", name, "--i-know-this-is-exposed")
