"""Migrations: steps are chained, each a pure function; what is damaged stays so; the old file is never touched."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from lab.cli.commands import migrate
from lab.core.errors import RecordingError
from lab.recording.format.lines import VERSION
from lab.recording.format.migrate import MIGRATIONS, RawLine, migrated
from lab.recording.format.reader import read
from tests.cli.test_replay import resealed
from tests.conftest import ROOT, Lab

SHIPPED = (ROOT / "recordings" / "nobody-home.rec.jsonl").read_bytes()


def to_1(lines: Sequence[RawLine]) -> Sequence[RawLine]:
    """Before this major facts were called events, in these tests."""
    header, *others = lines
    return [{**header, "version": [1, 0]}, *({**each, "k": str(each["k"]).replace("event", "fact")} for each in others)]


def to_2(lines: Sequence[RawLine]) -> Sequence[RawLine]:
    """The second major leaves connections out, so that lines have other numbers."""
    header, *others = lines
    kept = [each for each in others if not str(each.get("type")).startswith("connection.")]
    return [{**header, "version": [2, 0]}, *({**each, "n": n} for n, each in enumerate(kept, 1))]


OLD = resealed(
    b'{"k":"header","n":0,"t":0,"format":"lab.recording","version":[0,3],"lab":"0.0.9","source":"mock","seed":7}\n'
    b'{"k":"event","n":1,"t":0,"type":"connection.opened","c":1}\n'
    b'{"k":"event","n":2,"t":5,"type":"tape.noted","text":"\xc3\xa9 \\u202e"}\n'
    b'{"k":"end","n":3,"t":5,"reason":"closed","sha256":"'
)
NEW = resealed(
    b'{"k":"header","n":0,"t":0,"format":"lab.recording","version":[2,0],"lab":"0.0.9","source":"mock","seed":7}\n'
    b'{"k":"fact","n":1,"t":5,"type":"tape.noted","text":"\xc3\xa9 \\u202e"}\n'
    b'{"k":"end","n":2,"t":5,"reason":"closed","sha256":"'
)


def test_steps_are_chained_and_the_bytes_are_these() -> None:
    steps = {0: to_1, 1: to_2}
    assert migrated(OLD, "old", steps, 2) == NEW
    between = migrated(OLD, "old", steps, 1)
    assert between is not None and migrated(between, "between", steps, 2) == NEW
    assert migrated(NEW, "new", steps, 2) is None


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "old: the file is empty"),
        (OLD[:-20], "old:4: the line is no JSON object"),
        (OLD[:-66], "old:4: the line is no JSON object"),
        (b"".join(OLD.splitlines(keepends=True)[:-1]), "old:3: the recording isn't whole"),
        (
            OLD.replace(b"opened", b"closed"),
            "old:4: the recording isn't whole: there is no footer, or its digest is wrong",
        ),
        (resealed(OLD.replace(b"lab.recording", b"lab.x")), "old:1: the first line is no header"),
        (resealed(OLD.replace(b"[0,3]", b'"0.3"')), "old:1: the first line is no header"),
        (resealed(OLD.replace(b"[0,3]", b"[3,0]")), "old:1: version 3.x is newer than this lab, which reads 2.x"),
        (resealed(OLD.replace(b"[0,3]", b"[-1,0]")), "old:1: version -1.x can't be migrated by this lab"),
    ],
)
def test_what_is_not_whole_or_too_new_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(RecordingError) as error:
        migrated(data, "old", {0: to_1, 1: to_2}, 2)
    assert error.value.what.startswith(says)


def test_there_is_a_step_from_each_major_to_this_one() -> None:
    assert set(MIGRATIONS) == set(range(1, VERSION[0]))


@pytest.fixture
def files(lab: Lab) -> Path:
    """A recording of today, and one of a major before."""
    folder = lab.folder / "recordings"
    folder.mkdir()
    (folder / "today.rec.jsonl").write_bytes(SHIPPED)
    version = f'"version":[{VERSION[0]},{VERSION[1]}]'.encode()
    assert version in SHIPPED
    old = SHIPPED.replace(version, b'"version":[0,9]').replace(b'{"k":"fact"', b'{"k":"event"')
    (folder / "old.rec.jsonl").write_bytes(resealed(old))
    return folder


def test_the_command_writes_new_files_and_says_what_needs_none(
    lab: Lab, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "MIGRATIONS", {0: to_1})
    before = {path: path.read_bytes() for path in files.iterdir()}
    done = lab("migrate", "recordings")
    assert (done.code, done.lines) == (0, [
        "recordings/old.rec.jsonl migrated: migrated/old.rec.jsonl",
        f"recordings/today.rec.jsonl needs no migration: it is of version {VERSION[0]}.{VERSION[1]}, which this lab reads",
    ])  # fmt: skip
    assert {path: path.read_bytes() for path in files.iterdir()} == before
    assert [path.name for path in Path("migrated").iterdir()] == ["old.rec.jsonl"]
    assert read(Path("migrated/old.rec.jsonl").read_bytes()).lines == read(SHIPPED).lines
    for where in ((), ("--out", "recordings")):
        again = lab("migrate", "old", *where)
        assert again.code == 2 and "old.rec.jsonl exists already" in again.err
    assert (files / "old.rec.jsonl").read_bytes() == before[files / "old.rec.jsonl"]


@pytest.mark.usefixtures("files")
def test_without_a_step_it_says_so_and_replay_what_to_do(lab: Lab) -> None:
    done = lab("migrate", "old", "today")
    assert done.code == 3 and "recordings/old.rec.jsonl:1: version 0.x can't be migrated by this lab" in done.err
    assert done.lines[0].startswith("recordings/today.rec.jsonl needs no migration")
    assert "lab migrate writes a new file" in lab("replay", "old").err
    Path("recordings/old.rec.jsonl").write_bytes(resealed(SHIPPED.replace(b'"version":[1,', b'"version":[2,')))
    for command in ("replay", "migrate", "show"):
        refused = lab(command, "old")
        assert refused.code == 3 and "Take a lab that writes 2.x, or a later one" in refused.err
    assert lab("migrate", "nothing-*").code == 5


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ((b"\n", b"\r\n"), "today.rec.jsonl:1: the line ends in CRLF"),
        ((SHIPPED[SHIPPED.index(b'{"k":"end"') :], b""), "the recording is open"),
        ((b'"n":3,', b'"n":4,'), "today.rec.jsonl:4: n is 4, expected 3"),
        ((b'"s":202', b'"s":200'), "the digest is wrong"),
    ],
)
def test_what_is_wrong_with_one_of_this_version_any_reader_says(
    lab: Lab, files: Path, damage: tuple[bytes, bytes], says: str
) -> None:
    (files / "today.rec.jsonl").write_bytes(SHIPPED.replace(*damage))
    done, replayed = lab("migrate", "today"), lab("replay", "today")
    assert (done.code, done.out) == (3, "") and says in done.err and done.err == replayed.err
