"""The records of owners next to a manifest: whole after each failure, and only a sync needs them."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import awsauth
from awsauth.core.revisions.info import owners_of
from awsauth.stores.owners_file import OwnersFile
from tests.support.command_line import manifest_in
from tests.support.sync_model import arn, fragment, mapped
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from awsauth.core.desired.acts import SyncReport


def owners(client: awsauth.AwsAuthClient) -> dict[str, str]:
    return owners_of(client._store.read().annotations)


def acts(report: SyncReport | None) -> list[tuple[str, str]]:
    assert report is not None
    return [(one.act, one.principal.rpartition("/")[2]) for one in report.acts]


@pytest.mark.parametrize("fails_with", [OSError(errno.EBUSY, "busy"), KeyboardInterrupt()])
def test_a_manifest_that_cannot_be_written_keeps_its_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_with: BaseException
) -> None:
    client = awsauth.connect(file=manifest_in(tmp_path))
    client.sync(fragment("a", x="x", y="y"))
    records = owners(client)

    def fail(*_args: Any, **_options: Any) -> None:
        raise fails_with

    with monkeypatch.context() as patch:
        patch.setattr("awsauth.stores.file.replace_file", fail)
        with pytest.raises((awsauth.FileError, KeyboardInterrupt)):
            client.sync(fragment("a", y="y"))
    assert owners(client) == records
    assert acts(client.sync(fragment("a", y="y")).sync) == [("prune", "x")]


@pytest.mark.parametrize("is_before", [True, False])
def test_a_killed_sync_leaves_no_entry_without_its_owner(tmp_path: Path, *, is_before: bool) -> None:
    client = awsauth.connect(file=manifest_in(tmp_path))
    client.sync(fragment("a", x="x", y="y"))
    code = """
import os, sys
import awsauth
import awsauth.stores.file as file
real = file.replace_file
def killed(*args, **options):
    if sys.argv[2] == "False":
        real(*args, **options)
    os._exit(9)
file.replace_file = killed
awsauth.connect(file=sys.argv[1]).sync(awsauth.Fragment(owner="a", roles=[dict(rolearn=sys.argv[3], username="new")]))
"""
    path = tmp_path / "aws-auth.yaml"
    done = subprocess.run(
        [sys.executable, "-c", code, str(path), str(is_before), arn("y")], timeout=PATIENCE, check=False
    )
    assert done.returncode == 9
    again = acts(client.sync(fragment("a", y="new")).sync)
    assert sorted(again) == ([("prune", "x"), ("update", "y")] if is_before else [("forget", "x"), ("record", "y")])
    assert mapped(client) == {"y": "new"}
    assert json.loads(owners(client)["awsauth/owner.a"])["entries"].keys() == {f"role/{arn('y')}"}


def test_records_that_cannot_be_written_after_the_manifest_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = awsauth.connect(file=manifest_in(tmp_path))
    client.sync(fragment("a", x="x", y="y"))
    write, calls = OwnersFile.write, []

    def fail_twice(self: OwnersFile, records: Any) -> None:
        calls.append(records)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, records)

    with monkeypatch.context() as patch:
        patch.setattr(OwnersFile, "write", fail_twice)
        with pytest.raises(awsauth.FileError, match="The manifest is written") as raised:
            client.sync(fragment("a", y="y"))
    assert raised.value.changed is True
    assert mapped(client) == {"y": "y"}
    assert acts(client.sync(fragment("a", y="y")).sync) == [("forget", "x")]


def test_records_that_cannot_be_read_block_a_sync_alone(tmp_path: Path) -> None:
    client = awsauth.connect(file=manifest_in(tmp_path))
    client.sync(fragment("a", x="x", y="y"))
    records = owners(client)
    sidecar = tmp_path / ".aws-auth.yaml.owners.json"
    sidecar.write_text("<<<<<<< ours\n", encoding="utf-8")
    assert mapped(client) == {"x": "x", "y": "y"}
    for refused in (lambda: client.sync(fragment("a", y="y")), client.owners):
        with pytest.raises(awsauth.FileError, match="cannot be read") as raised:
            refused()
        assert raised.value.changed is False
    done = client.add_role_mapping(arn("z"), username="z")
    assert "unreadable-records" in [one.code for one in done.findings]
    assert sidecar.read_text(encoding="utf-8") == "<<<<<<< ours\n"
    client.rollback(to=2)
    assert (mapped(client), owners(client)) == ({"x": "x", "y": "y"}, records)
    assert acts(client.sync(fragment("a", y="y")).sync) == [("prune", "x")]


def test_a_change_while_the_records_cannot_be_read_keeps_them_in_its_revision(tmp_path: Path) -> None:
    client = awsauth.connect(file=manifest_in(tmp_path))
    client.sync(fragment("a", x="x", y="y"))
    records = owners(client)
    sidecar = tmp_path / ".aws-auth.yaml.owners.json"
    good = sidecar.read_text(encoding="utf-8")
    sidecar.write_text("<<<<<<< ours\n", encoding="utf-8")
    changed = client.add_role_mapping(arn("z"), username="z")
    assert owners_of(client.show(changed.revision or 0).annotations) == records
    assert sidecar.read_text(encoding="utf-8") == "<<<<<<< ours\n"
    sidecar.write_text(good, encoding="utf-8")
    client.remove_role_mapping(arn("z"))
    client.rollback(to=changed.revision)
    assert owners(client) == records
    assert acts(client.sync(fragment("a", y="y")).sync) == [("prune", "x")]


def test_a_failed_first_sync_leaves_no_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = awsauth.connect(file=manifest_in(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr("awsauth.stores.file.replace_file", lambda *_, **__: 1 / 0)
        with pytest.raises((awsauth.AwsAuthError, ZeroDivisionError)):
            client.sync(fragment("a", x="x"))
    assert not (tmp_path / ".aws-auth.yaml.owners.json").exists()
