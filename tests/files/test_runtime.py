"""The run-time folder: a control token that this user's programs find, and nobody else."""

import os
import stat
from pathlib import Path

import pytest

from lab.files.runtime import publish_token, token_for, withdraw_token

URL = "http://127.0.0.1:40123"


def test_a_token_is_found_by_its_address_until_it_is_withdrawn(tmp_path: Path) -> None:
    runtime = str(tmp_path)
    path = publish_token(URL, "open-sesame", runtime=runtime)
    assert path is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    for spelling in (URL, f"{URL}/", "http://localhost:40123", "http://LOCALHOST:40123/_lab/", "http://[::1]:40123"):
        assert token_for(spelling, runtime=runtime) == "open-sesame"
    for other in (
        "http://127.0.0.1:40124",
        "http://10.0.0.1:40123",
        "127.0.0.1",
        "http://127.0.0.1:99999",
        "http://[::1",
        "",
    ):
        assert token_for(other, runtime=runtime) is None
    publish_token(URL, "another", runtime=runtime)
    assert token_for(URL, runtime=runtime) == "another"
    withdraw_token(URL, runtime=runtime)
    withdraw_token(URL, runtime=runtime)
    assert token_for(URL, runtime=runtime) is None
    assert list(path.parent.iterdir()) == []


def test_an_address_names_a_file_of_the_folder_whatever_it_holds(tmp_path: Path) -> None:
    path = publish_token("http://../../etc/passwd:1", "x", runtime=str(tmp_path))
    assert path is not None
    assert path.parent == tmp_path / "invoke-async-lab"
    wild = publish_token("http://a%2f..%2fb\0\n:80", "x", runtime=str(tmp_path))
    assert wild is not None
    assert wild.resolve().parent == path.parent


def test_a_folder_that_others_may_enter_holds_no_token(tmp_path: Path) -> None:
    folder = tmp_path / "invoke-async-lab"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    assert publish_token(URL, "x", runtime=str(tmp_path)) is None
    (folder / "control-127.0.0.1-40123.token").write_text("planted\n")
    assert token_for(URL, runtime=str(tmp_path)) is None


def test_links_are_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "invoke-async-lab").symlink_to(elsewhere)
    assert publish_token(URL, "x", runtime=str(tmp_path / "a")) is None
    assert list(elsewhere.iterdir()) == []
    (tmp_path / "b").mkdir()
    path = publish_token(URL, "x", runtime=str(tmp_path / "b"))
    assert path is not None
    secret = tmp_path / "secret"
    secret.write_text("s3cret")
    path.unlink()
    path.symlink_to(secret)
    assert token_for(URL, runtime=str(tmp_path / "b")) is None
    publish_token(URL, "y", runtime=str(tmp_path / "b"))
    assert (secret.read_text(), token_for(URL, runtime=str(tmp_path / "b"))) == ("s3cret", "y")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_pipe_is_no_token_and_holds_nobody_up(tmp_path: Path) -> None:
    path = publish_token(URL, "x", runtime=str(tmp_path))
    assert path is not None
    path.unlink()
    os.mkfifo(path)
    assert token_for(URL, runtime=str(tmp_path)) is None


def test_without_a_runtime_folder_one_of_the_users_own_lies_among_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for runtime in (None, str(tmp_path / "nowhere")):
        path = publish_token(URL, "x", runtime=runtime)
        assert path is not None
        assert path.parent.parent == tmp_path
        assert token_for(URL, runtime=runtime) == "x"
