"""A manifest and its history survive what happens to files: other writers, kills, hands."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from awsauth.client import AwsAuthClient
from awsauth.core.document.document import Document
from awsauth.core.edit.changes import EnsureAccount, EnsureRole, ReplaceText
from awsauth.core.manifest.manifest import Manifest
from awsauth.core.revisions.revision import draft
from awsauth.errors import FileError, HistoryError, RevisionNotFoundError
from awsauth.history.commit import commit
from awsauth.history.log import log
from awsauth.history.proposal import changing
from awsauth.history.rollback import RollbackProposal
from awsauth.stores import file as file_module
from awsauth.stores.atomic_write import replace_file
from awsauth.stores.file import FileStore
from awsauth.stores.revision_folder import to_yaml
from awsauth.stores.store import InvalidRevision
from awsauth.system.backoff import Backoff
from tests.support.forked import all_running, ended
from tests.support.going_back import by, rollback
from tests.support.stopping import Interrupted
from tests.support.waiting import PATIENCE, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from awsauth.core.revisions.info import Head

MANIFEST: Final = """# our cluster
apiVersion: v1
kind: ConfigMap
metadata:
  name: aws-auth
  namespace: kube-system
data:
  mapRoles: |
    # nodes
    - rolearn: arn:aws:iam::111122223333:role/node
      username: system:node:{{EC2PrivateDNSName}}
"""
ADMIN: Final = EnsureRole(role_arn="arn:aws:iam::111122223333:role/admin", username="admin")


def write_many(path: Path, first: int, count: int) -> None:
    store = FileStore(path)
    for number in range(first, first + count):
        change = EnsureAccount(account=f"{number:012}")
        commit(store, changing([change]), writer=by(f"writer {first}"), patience=Backoff(PATIENCE))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a manifest file."""
    path = tmp_path / "aws-auth.yaml"
    path.write_text(MANIFEST)
    return path


def accounts(path: Path) -> list[str]:
    return list(Document(Manifest.parse(path.read_text()).data).accounts)


def assert_true_history(store: FileStore) -> None:
    found = log(store)
    assert [entry.findings for entry in found.entries] == [()] * len(found.entries)
    assert all(store.read_revision(entry.info.number).is_intact for entry in found.entries)
    assert sum(entry.live for entry in found.entries) == 1


def test_eight_processes_with_twenty_five_changes_each_lose_nothing(path: Path) -> None:
    with all_running(write_many, [(path, 1000 * writer, 25) for writer in range(8)]) as writers:
        assert [ended(writer) for writer in writers] == [0] * 8
    assert sorted(accounts(path)) == sorted(f"{1000 * writer + n:012}" for writer in range(8) for n in range(25))
    assert path.read_text().startswith(MANIFEST)
    assert_true_history(FileStore(path))
    made = [entry for entry in log(FileStore(path)).entries if not entry.unconfirmed]
    assert [entry.info.kind for entry in made].count("change") == 200
    assert len(made) == 201


def test_writers_who_all_record_the_first_state_leave_every_ancestor_of_the_present_one(path: Path) -> None:
    """The quickest of two writers builds on its own record of the state before; the other one's goes."""
    store = FileStore(path)
    others = changing([EnsureAccount(account="222222222222")])
    late = Interrupted(store, "write", lambda: commit(FileStore(path), others))
    commit(late, changing([EnsureAccount(account="111111111111")]))
    found = log(store)
    assert [(entry.info.kind, entry.proven) for entry in found.entries] == [
        ("change", True),
        ("change", True),
        ("outside", True),
    ]
    assert found.findings == ()
    assert accounts(path) == ["222222222222", "111111111111"]


def test_a_writer_that_ends_between_the_reads_of_manifest_and_history_is_not_taken_for_another_tool(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FileStore(path)
    commit(store, changing([ADMIN]))
    reading = store.applied
    others = [EnsureAccount(account="111111111111")]

    def overtaken(present: Mapping[str, str] | None) -> Head | None:
        while others:
            commit(FileStore(path), changing([others.pop()]))
        return reading(present)

    monkeypatch.setattr(store, "applied", overtaken)
    snapshot = store.read()
    assert snapshot.own_head == snapshot.head == log(store).entries[0].info.head
    assert "111111111111" in snapshot.data["mapAccounts"]


def test_a_state_that_two_other_tools_made_and_overwrote_stays_recorded(path: Path) -> None:
    store = FileStore(path)
    commit(store, changing([ADMIN]))
    path.write_text(MANIFEST.replace("role/node", "role/first-tool"))

    def overtake() -> None:
        path.write_text(MANIFEST.replace("role/node", "role/second-tool"))
        commit(FileStore(path), changing([EnsureAccount(account="222222222222")]))

    commit(Interrupted(store, "write", overtake), changing([EnsureAccount(account="111111111111")]))
    recorded = [store.read_revision(entry.info.number).data["mapRoles"] for entry in log(store).entries]
    assert any("first-tool" in text for text in recorded)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_writer_stopped_around_the_exchange_of_the_file_leaves_a_proven_state(
    path: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = replace_file

    def stopped(*arguments: Any, **options: Any) -> None:
        if arguments[1] != path.name:
            return exchange(*arguments, **options)
        if moment == "after":
            exchange(*arguments, **options)
        raise KeyboardInterrupt

    store = FileStore(path)
    commit(store, changing([ADMIN]))
    before = accounts(path)
    with monkeypatch.context() as failing:
        failing.setattr(file_module, "replace_file", stopped)
        with pytest.raises(KeyboardInterrupt):
            commit(store, changing([EnsureAccount(account="111111111111")]))
    assert accounts(path) == (["111111111111"] if moment == "after" else before)
    newest, *_ = log(store).entries
    assert (newest.info.number, newest.live, newest.proven) == (3 if moment == "after" else 2, True, True)


def killed_writers(path: Path) -> Iterator[int]:
    """Kill one writer after another, each after one change more than the one before, and yield where they began."""
    for attempt in range(12):
        first = 1000 * (attempt + 1)
        before = len(accounts(path))
        with all_running(write_many, [(path, first, 500)]):
            wait_for(lambda: len(accounts(path)) >= before + attempt)  # noqa: B023 - called at once
        yield first


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_killed_at_any_moment_the_manifest_is_the_old_or_the_new_one_and_the_next_run_works(path: Path) -> None:
    store = FileStore(path)
    expected: list[str] = []
    for first in killed_writers(path):
        now = accounts(path)
        added = now[len(expected) :]
        assert now[: len(expected)] == expected
        assert added == [f"{first + n:012}" for n in range(len(added))]
        assert path.read_text().startswith(MANIFEST)
        commit(store, changing([EnsureAccount(account=f"{first + 999:012}")]))
        expected = [*now, f"{first + 999:012}"]
        assert accounts(path) == expected
        assert_true_history(store)
    assert len(expected) > 12, "no writer wrote anything before it was killed"


def test_what_killed_writers_have_left_is_gone_with_a_later_change(path: Path) -> None:
    """Only what is theirs by name, an ordinary file, and so old that nobody comes back to it."""
    store = FileStore(path)
    commit(store, changing([ADMIN]))
    history = path.parent / ".aws-auth.yaml.history"
    names = [path.parent / f".aws-auth.yaml.{'0a' * 8}.tmp", history / f".{'0a' * 8}.tmp"]
    others = [
        *(
            path.parent / name
            for name in (f".other.yaml.{'0a' * 8}.tmp", f".{'0a' * 8}.tmp", f"aws-auth.yaml.{'0a' * 8}.tmp")
        ),
        *(history / name for name in (f".{'0a' * 7}.tmp", f".{'0A' * 8}.tmp", f".{'0a' * 8}.tmp~")),
    ]
    for file in (*names, *others):
        file.touch()
        os.utime(file, (0, 0))
    young, link = history / f".{'0b' * 8}.tmp", history / f".{'0c' * 8}.tmp"
    young.touch()
    link.symlink_to(path)
    os.utime(link, (0, 0), follow_symlinks=False)
    commit(store, changing([EnsureAccount(account="111122223333")]))
    assert not any(file.exists() for file in names)
    assert all(file.exists() for file in (*others, young, link))


def test_revisions_are_objects_in_yaml_in_a_folder_that_git_and_deployers_pass_over(path: Path) -> None:
    store = FileStore(path)
    commit(store, changing([ADMIN]), reason="release 42", writer=by("alice"))
    folder = path.parent / ".aws-auth.yaml.history"
    assert sorted(file.name for file in folder.iterdir()) == [
        ".gitignore",
        "000001.revision",
        "000002.revision",
        "applied",
    ]
    assert (folder / ".gitignore").read_text() == "*\n"
    written = yaml.safe_load((folder / "000002.revision").read_text())
    written["metadata"].pop("creationTimestamp")
    expected = store.read_revision(2).to_object()
    expected["metadata"].pop("creationTimestamp")
    assert written == expected
    assert "mapRoles: |\n" in (folder / "000002.revision").read_text()
    assert "awsauth" not in path.read_text()


def test_before_the_first_change_there_is_no_folder(path: Path) -> None:
    store = FileStore(path)
    assert log(store).entries == ()
    with pytest.raises(RevisionNotFoundError):
        store.read_revision(1)
    assert list(path.parent.iterdir()) == [path]


def test_behind_a_symbolic_link_the_history_is_beside_the_file(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere" / "link.yaml"
    link.parent.mkdir()
    link.symlink_to(path)
    commit(FileStore(link), changing([ADMIN]))
    assert [entry.info.number for entry in log(FileStore(path)).entries] == [2, 1]
    assert [file.name for file in link.parent.iterdir()] == ["link.yaml"]


def test_a_manifest_that_was_checked_out_again_is_in_a_state_of_its_own(path: Path) -> None:
    """What was applied is not called unconfirmed because somebody has written over it."""
    store = FileStore(path)
    commit(store, changing([ADMIN]))
    path.write_text(MANIFEST)
    assert [(entry.info.number, entry.live, entry.unconfirmed) for entry in log(store).entries] == [
        (0, True, False),
        (2, False, False),
        (1, False, False),
    ]
    commit(store, changing([ADMIN]))
    assert [(entry.info.kind, entry.info.parent) for entry in log(store).entries] == [
        ("change", 3),
        ("outside", 2),
        ("change", 1),
        ("outside", 0),
    ]


def test_a_writer_that_was_stopped_before_it_noted_its_revision_is_made_up_for(path: Path) -> None:
    store = FileStore(path)
    commit(store, changing([ADMIN]))
    notes = path.parent / ".aws-auth.yaml.history" / "applied"
    *others, _last = notes.read_text().splitlines(keepends=True)
    notes.write_text("".join(others) + "half a li")
    assert [(entry.info.number, entry.live) for entry in log(store).entries] == [(2, True), (1, False)]
    commit(store, changing([EnsureAccount(account="111122223333")]))
    assert [entry.info.parent for entry in log(store).entries] == [2, 1, 0]
    assert_true_history(store)


def test_a_file_that_is_gone_is_made_anew_by_a_rollback_alone(path: Path) -> None:
    client = AwsAuthClient.from_file(path)
    client.apply(ADMIN)
    data = client.read().data
    path.unlink()
    with pytest.raises(FileError, match=r"no such file(?s:.*)restore it with rollback\(\)(?s:.*)up to revision 2"):
        client.read()
    with pytest.raises(FileError, match="no such file"):
        client.apply(EnsureAccount(account="111111111111"))
    assert [entry.info.number for entry in client.history().entries] == [0, 2, 1]
    assert client.history().entries[0].info.kind == "deleted"
    assert not path.exists()
    assert client.rollback(dry_run=True).changed
    assert not path.exists()
    result = client.rollback()
    assert (client.read().data, result.revision) == (data, 3)
    found = [(entry.info.kind, entry.info.number, entry.state) for entry in client.history().entries]
    assert found == [("rollback", 3, "live"), ("deleted", 0, ""), ("change", 2, ""), ("outside", 1, "")]
    assert client.rollback().changed
    assert client.read().data == client.show(1).data


def test_a_file_that_appears_during_its_restoration_stays(path: Path) -> None:
    store = FileStore(path)
    commit(store, changing([ADMIN]))
    path.unlink()
    other = MANIFEST.replace("role/node", "role/theirs")
    late = Interrupted(FileStore(path, may_be_gone=True), "write", lambda: path.write_text(other))
    outcome = commit(late, RollbackProposal(late).propose)
    assert "role/theirs" in outcome.proposal.merged.before.data["mapRoles"]
    recorded = [store.read_revision(entry.info.number).data["mapRoles"] for entry in log(store).entries]
    assert any("role/theirs" in text for text in recorded)


def test_a_folder_without_a_history_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no such file"):
        AwsAuthClient.from_file(tmp_path / "typo.yaml").rollback()


def test_a_rollback_brings_the_very_file_back(path: Path) -> None:
    store = FileStore(path)
    commit(store, changing([ADMIN]))
    rollback(store)
    assert path.read_text() == MANIFEST


def test_a_number_taken_by_a_writer_that_was_stopped_is_passed_over(path: Path) -> None:
    """It had made the file that reserves the number, and not filled it."""
    store = FileStore(path)
    commit(store, changing([ADMIN]))
    (path.parent / ".aws-auth.yaml.history" / "000003.revision").touch()
    outcome = commit(store, changing([EnsureAccount(account="111122223333")]))
    assert outcome.revision is not None
    assert outcome.revision.number == 4
    assert "its writer is still at work, or was stopped" in log(store).findings[0].message


def test_files_that_are_no_revisions_are_named_with_the_reason(path: Path) -> None:
    store = FileStore(path)
    commit(store, changing([ADMIN]))
    folder = path.parent / ".aws-auth.yaml.history"
    shutil.copy(folder / "000002.revision", folder / "000009.revision")
    (folder / "000005.revision").write_text("a: [\n")
    (folder / "000006.revision").write_bytes(b"\xff\xfe\xfd")
    (folder / "000007.revision").symlink_to("nowhere")
    (folder / "mine.revision").write_text("{}")
    (folder / "notes.txt").write_text("not looked at")
    found = {stranger.name: stranger for stranger in store.list_revisions().invalid}
    assert sorted(found) == [*(f"00000{number}.revision" for number in (5, 6, 7, 9)), "mine.revision"]
    assert isinstance(found["mine.revision"], InvalidRevision)
    assert found["mine.revision"].number is None
    assert "renamed or copied by hand" in found["000009.revision"].problem
    for name in ("000005.revision", "000006.revision"):
        assert "cannot be read as a revision" in found[name].problem
    assert "not a regular file" in found["000007.revision"].problem
    for number in (5, 6, 7, 9):
        with pytest.raises(HistoryError):
            store.read_revision(number)
    outcome = commit(store, changing([EnsureAccount(account="111122223333")]))
    assert outcome.revision is not None
    assert outcome.revision.number == 3


def test_a_link_that_leads_nowhere_has_its_number_to_itself(path: Path) -> None:
    """Nobody else can give a revision that number."""
    store = FileStore(path)
    commit(store, changing([ADMIN]))
    (path.parent / ".aws-auth.yaml.history" / "000003.revision").symlink_to("nowhere")
    outcome = commit(store, changing([EnsureAccount(account="111122223333")]), patience=Backoff(PATIENCE))
    assert outcome.revision is not None
    assert outcome.revision.number == 4


def test_a_revision_changed_by_hand_is_noticed_by_a_store_that_had_read_it(path: Path) -> None:
    store = FileStore(path)
    commit(store, changing([ADMIN]), writer=by("alice"))
    file = path.parent / ".aws-auth.yaml.history" / "000001.revision"
    assert log(store).findings == ()
    file.write_text(file.read_text().replace("role/node", "role/evil"))
    with pytest.raises(HistoryError, match="Revision 1 was altered"):
        rollback(store, 1)
    file.write_text(file.read_text().replace("awsauth/revision", "awsauth/revise"))
    assert "no annotation" in log(store).findings[0].message or "another number" in log(store).findings[0].message


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_stops_the_change_and_says_so(path: Path) -> None:
    path.parent.chmod(0o555)
    try:
        with pytest.raises(HistoryError, match="cannot be written: permission denied"):
            commit(FileStore(path), changing([ADMIN]))
    finally:
        path.parent.chmod(0o755)
    assert path.read_text() == MANIFEST


def test_something_else_in_the_place_of_the_folder_stops_the_change_and_says_so(path: Path) -> None:
    (path.parent / ".aws-auth.yaml.history").write_text("a file")
    assert_refused_for_its_folder(path)


def test_a_link_that_leads_nowhere_in_the_place_of_the_folder_stops_the_change_and_says_so(path: Path) -> None:
    (path.parent / ".aws-auth.yaml.history").symlink_to("nowhere")
    assert_refused_for_its_folder(path)


def assert_refused_for_its_folder(path: Path) -> None:
    store = FileStore(path)
    for use in (lambda: commit(store, changing([ADMIN])), lambda: log(store), store.list_revisions):
        with pytest.raises(HistoryError, match="The history is not a folder") as refused:
            use()
        assert ".aws-auth.yaml.history" in refused.value.location
    assert path.read_text() == MANIFEST


def test_half_a_character_stops_the_change_and_is_named(path: Path) -> None:
    replaced = ReplaceText(key="mapUsers", text="- \ud800")
    with pytest.raises(HistoryError, match=r"holds U\+D800, which is not a character"):
        commit(FileStore(path), changing([replaced]))
    assert path.read_text() == MANIFEST


def test_a_manifest_that_is_not_there_is_an_error_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no such file"):
        commit(FileStore(tmp_path / "absent.yaml"), changing([ADMIN]))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        *(
            "a\nb",
            "  lead\n",
            "\n a\n",
            "\ta\n",
            "x\x85y\nz",
            "a\r\nb\r\n",
            "\ufeffa\n",
            "a \nb",
            "é😀\n",
            "\x07",
            "\x00",
        ),
        *(
            "---\n",
            "\u2028\n",
            "\n\n",
            "a\n\n\n",
            "data:\n  x",
            "1e3",
            "012",
            "yes",
            "",
            "2001-01-01",
            "=",
            "<<",
            "0x1F",
        ),
        *("1:30", "~"),
    ],
)
def test_no_text_is_lost_in_a_file_nor_read_as_anything_but_text(path: Path, text: str) -> None:
    store = FileStore(path)
    recorded = store.record(draft(1, None, {"mapRoles": text, "mapUsers": "- x\n"}, reason=text, labels={"x": text}))
    assert store.read_revision(1) == recorded
    assert store.list_revisions().revisions == (recorded.info,)
    # Go's YAML, which kubectl has, takes more for numbers than PyYAML does: whatever looks like one is in quotes.
    if text in ("1e3", "012", "yes", "", "0x1F", "~"):
        assert f'mapRoles: "{text}"' in to_yaml(recorded.to_object())
