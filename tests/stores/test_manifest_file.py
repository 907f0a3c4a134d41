"""The file is replaced whole or not at all, keeps what it is, and only ever takes the place of what was read."""

from __future__ import annotations

import fcntl
import os
import signal
import stat
from textwrap import indent
from typing import TYPE_CHECKING

import pytest

import awsauth
from awsauth.stores import file as manifest_file
from awsauth.stores.file import ManifestFile
from tests.support.forked import all_running, ended
from tests.support.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MANIFEST = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: aws-auth
  namespace: kube-system
data:
  mapRoles: |
    - rolearn: arn:aws:iam::111122223333:role/node
      username: system:node:{{EC2PrivateDNSName}}
      groups: [system:bootstrappers, system:nodes]
"""
ROLE = "arn:aws:iam::111122223333:role/r{}"


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "aws-auth.yaml"
    path.write_text(MANIFEST, encoding="utf-8")
    return path


def add(path: Path, name: str) -> awsauth.Result:
    return awsauth.add_role_mapping(ROLE.format(name), username=name, file=path, history=False)


def as_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def roles(path: Path) -> list[str]:
    return [role.username for role in awsauth.Document(ManifestFile(path).read().manifest.data).roles]


def test_mode_survives(manifest: Path) -> None:
    manifest.chmod(0o640)
    add(manifest, "a")
    assert stat.S_IMODE(manifest.stat().st_mode) == 0o640


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may give a file away")
def test_owner_survives(manifest: Path) -> None:
    os.chown(manifest, 12345, 54321)
    add(manifest, "a")
    assert (manifest.stat().st_uid, manifest.stat().st_gid) == (12345, 54321)


def test_a_symbolic_link_stays_one_and_its_target_is_written(manifest: Path, tmp_path: Path) -> None:
    link = tmp_path / "folder" / "link.yaml"
    link.parent.mkdir()
    link.symlink_to(manifest)
    add(link, "a")
    assert link.is_symlink()
    assert roles(manifest)[-1] == "a"
    assert names(link.parent) == ["link.yaml"]


def test_no_change_does_not_touch_the_file(manifest: Path) -> None:
    add(manifest, "a")
    before = manifest.stat()
    assert not add(manifest, "a").changed
    after = manifest.stat()
    # To read the file changes the time of the last access.
    assert (after.st_ino, after.st_mtime_ns, after.st_ctime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
        before.st_ctime_ns,
    )


def test_dry_run_does_not_touch_the_file(manifest: Path) -> None:
    result = awsauth.add_role_mapping(ROLE.format("a"), username="a", file=manifest, dry_run=True)
    assert names(manifest.parent) == ["aws-auth.yaml"]
    assert result.changed
    assert manifest.read_text(encoding="utf-8") == MANIFEST


def test_a_file_that_was_written_meanwhile_is_left_alone(manifest: Path) -> None:
    file = ManifestFile(manifest)
    base = file.read()
    manifest.write_text(MANIFEST + "# somebody was here\n", encoding="utf-8")
    with pytest.raises(awsauth.FileChangedError, match="written the file since"):
        file.write({**base.manifest.data, "mapUsers": "[]\n"}, base)
    assert manifest.read_text(encoding="utf-8") == MANIFEST + "# somebody was here\n"


def test_nothing_is_left_behind_when_the_exchange_fails(manifest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk may be full: the old file stays, and no temporary one beside it."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(awsauth.FileError, match="the disk is full"):
        add(manifest, "a")
    assert manifest.read_text(encoding="utf-8") == MANIFEST
    assert names(manifest.parent) == ["aws-auth.yaml"]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: path.unlink(), "there is no such file"),
        (lambda path: (path.unlink(), path.mkdir()), "it is a directory"),
        (lambda path: path.chmod(0o444), "read-only"),
        (as_pipe, "not a regular file"),
        (lambda path: (path.unlink(), path.symlink_to(path)), "circle"),
    ],
)
def test_what_is_no_writable_file_is_a_clear_error(manifest: Path, make: Callable[[Path], object], says: str) -> None:
    make(manifest)
    with pytest.raises(awsauth.FileError, match=says) as caught:
        add(manifest, "a")
    assert str(manifest) in str(caught.value)
    assert isinstance(caught.value, OSError)


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "kind: Secret\n"])
def test_a_file_without_the_config_map_is_a_clear_error(manifest: Path, text: str) -> None:
    manifest.write_text(text, encoding="utf-8")
    with pytest.raises(awsauth.ManifestError) as caught:
        add(manifest, "a")
    assert str(manifest) in str(caught.value)
    assert manifest.read_text(encoding="utf-8") == text


def test_invalid_utf_8_is_a_clear_error(manifest: Path) -> None:
    raw = MANIFEST.encode() + b"# \xff\n"
    manifest.write_bytes(raw)
    with pytest.raises(awsauth.ManifestError, match="line 11"):
        add(manifest, "a")
    assert manifest.read_bytes() == raw


def _write_many(path: Path, writer: int, changes: int) -> None:
    for number in range(changes):
        while True:
            try:
                add(path, f"w{writer}-{number}")
            except awsauth.FileChangedError:
                continue
            break


def test_writers_at_once_lose_nothing(manifest: Path) -> None:
    """Eight processes make 25 changes each; every one that said it was done is there at the end."""
    with all_running(_write_many, [(manifest, writer, 25) for writer in range(8)]) as writers:
        assert [ended(writer) for writer in writers] == [0] * 8
    assert sorted(roles(manifest)[1:]) == sorted(f"w{writer}-{number}" for writer in range(8) for number in range(25))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_killed_writer_leaves_a_whole_file(manifest: Path) -> None:
    """Wherever it is killed, the file can be read and holds its changes up to one of them, in order."""
    for number in (1, 2, 3, 5, 8):
        manifest.write_text(MANIFEST, encoding="utf-8")
        with all_running(_write_many, [(manifest, 0, 10_000)]):
            wait_for(lambda: len(roles(manifest)) > number)  # noqa: B023 - called at once
        found = roles(manifest)
        assert found[1:] == [f"w0-{number}" for number in range(len(found) - 1)]


def test_a_lock_that_is_held_for_ever_is_not_waited_for_that_long(
    manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest_file, "LOCKED", 0.1)
    with manifest.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(awsauth.FileError, match=r"has had the file locked for 0\.1 seconds"):
            add(manifest, "1")
    assert manifest.read_text(encoding="utf-8") == MANIFEST
    assert add(manifest, "1").changed


FOLDED = MANIFEST.replace("mapRoles: |", "mapRoles: >")


@pytest.mark.parametrize("mode", [0o644, 0o444])
def test_what_cannot_be_written_is_said_by_a_plan_and_a_dry_run_too(manifest: Path, mode: int) -> None:
    if mode == 0o644:
        manifest.write_text(FOLDED, encoding="utf-8")
    manifest.chmod(mode)
    error, said = (awsauth.ManifestError, "folded block") if mode == 0o644 else (awsauth.FileError, "read-only")
    client = awsauth.AwsAuthClient.from_file(manifest)
    change = awsauth.EnsureRole(role_arn=ROLE.format(1), username="x")
    for call in (client.plan, lambda one: client.apply(one, dry_run=True), client.apply):
        with pytest.raises(error, match=said):
            call(change)


def test_a_key_that_stands_twice_is_told_by_checks_and_changes(manifest: Path) -> None:
    lines = MANIFEST.partition("  mapRoles: |\n")[2]
    manifest.write_text(f"{MANIFEST}  mapRoles: |\n{lines}", encoding="utf-8")
    client = awsauth.AwsAuthClient.from_file(manifest)
    [found] = [finding for finding in client.check() if finding.code == "repeated-data-key"]
    assert found.message == "The manifest has the key `mapRoles` twice, at lines 7 and 11."
    with pytest.raises(awsauth.GuardError, match="twice, at lines 7 and 11"):
        client.add_account_mapping("111122223333")
    assert client.add_account_mapping("111122223333", allow=["repeated-data-key"]).changed
    manifest.write_text(f"{MANIFEST}data: {{}}\n", encoding="utf-8")
    assert "The manifest has the key `data` twice" in str(client.check())


def test_every_line_number_is_that_of_the_file(tmp_path: Path) -> None:
    """In places, in what a finding says of other places, in explanations, and without a file those of the text."""
    entry = "- rolearn: arn:aws:iam::111122223333:role/ci\n  username: ci\n  groups: [a]\n"
    text = entry + entry.replace("[a]", "[b]")
    path = tmp_path / "aws-auth.yaml"
    path.write_text(MANIFEST.partition("    - ")[0] + indent(text, "    "), encoding="utf-8")
    first, last = 8, 11
    with awsauth.AwsAuthClient.from_file(path) as client:
        [finding] = [one for one in client.check() if one.code == "duplicate"]
        said = client.explain("arn:aws:iam::111122223333:role/ci")
        listed = [one.location.line for one in awsauth.list_mappings(client.read())]
    assert finding.location
    assert (finding.location.line, finding.location.column) == (first, 16)
    assert f"again on line {last}," in finding.message
    assert [candidate.location.line for candidate in said.steps[1].candidates if candidate.location] == [first, last]
    assert f"on line {last}" in said.steps[1].candidates[0].why
    assert listed == [first, last]
    [inner] = [one for one in awsauth.lint(awsauth.Document({"mapRoles": text})) if one.code == "duplicate"]
    assert inner.location
    assert (inner.location.line, inner.location.column, "line 4," in inner.message) == (1, 12, True)
