"""How judges are run apart: what a client leaves, one that fails or never ends, and when an environment is made."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.judges import apart
from tests.judges.apart import Environment, seen
from tests.judges.conftest import QUICK
from tests.server.served import Served, serving

BARE = Environment("bare", ("pip",))


@pytest.fixture
def quick() -> Iterator[Served]:
    with serving(QUICK) as world:
        yield world


def written(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> str:
    """The name of a client of that text."""
    monkeypatch.setattr(apart, "CLIENTS", folder)
    (folder / "client.py").write_text(f"import json, os, sys\n{text}\n")
    return "client.py"


def test_it_knows_where_the_lab_is_and_lets_time_pass(
    quick: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = written(tmp_path, monkeypatch, """\
print(json.dumps({"pause": 1.5}), flush=True)
sys.stdin.readline()
print(json.dumps({"origin": os.environ["LAB_ORIGIN"], "token": len(os.environ["LAB_TOKEN"])}))""")  # fmt: skip
    [found] = seen(quick, BARE, client)
    assert found["origin"] == quick.origin and found["token"] > 100
    assert quick.clock.now() == 1_500


def test_one_that_fails_says_what_it_saw_and_why(
    quick: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = written(tmp_path, monkeypatch, "print('{\"seen\": 1}'); sys.exit('no such team')")
    assert BARE.run(quick, client) == (1, [{"seen": 1}], "no such team\n")
    with pytest.raises(AssertionError, match=r"client.py x ended with 1 after \[\{'seen': 1\}\]: no such team"):
        seen(quick, BARE, client, "x")


def test_one_that_never_ends_is_ended(quick: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "LIMIT", 0.3)
    client = written(tmp_path, monkeypatch, "sys.stdin.readline()")
    assert BARE.run(quick, client).code < 0


def test_an_environment_is_made_once_for_each_set_of_requirements(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed: list[tuple[str, ...]] = []
    monkeypatch.setattr(apart, "KEPT", tmp_path / "kept")
    monkeypatch.setattr(Environment, "_install", lambda self: installed.append(self.requirements))
    for requirements in (("a<1",), ("a<1",), ("a<2",), ("a<1",)):
        Environment("some", requirements).make()
    assert Environment("some", ("a<1",)).folder != Environment("some", ("a<2",)).folder
    assert installed == [("a<1",), ("a<2",)]

    def fail(self: Environment) -> None:
        raise OSError("no index")

    monkeypatch.setattr(Environment, "_install", fail)
    for _ in range(2):
        with pytest.raises(OSError, match="no index"):
            Environment("some", ("a<3",)).make()


def test_uv_looks_for_distributions_where_pip_does(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = tmp_path / "pip.conf"
    settings.write_text(
        "[global]\nindex-url = https://file.test/simple\nextra-index-url =\n    https://a.test\n    https://b.test\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    for index in ("https://file.test/simple", "https://set.test/simple"):
        assert apart.index_options.__wrapped__() == (
            "--index-url", index, "--extra-index-url", "https://a.test", "--extra-index-url", "https://b.test",
        )  # fmt: skip
        monkeypatch.setenv("PIP_INDEX_URL", "https://set.test/simple")
