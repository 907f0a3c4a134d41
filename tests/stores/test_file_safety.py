"""What root writes for a user reaches no file that this user could not reach, whatever the user does meanwhile."""

from __future__ import annotations

import functools
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

import awsauth
from awsauth.cli.completion import _cache, remember
from awsauth.core.edit.changes import EnsureAccount
from awsauth.core.revisions.revision import draft
from awsauth.errors import AwsAuthError, FileError, HistoryError
from awsauth.history.commit import commit
from awsauth.history.log import log
from awsauth.history.proposal import changing
from awsauth.stores import atomic_write as durability, revision_folder
from awsauth.stores.file import FileStore
from awsauth.system.backoff import Backoff
from tests.stores.test_file_store import MANIFEST
from tests.support.command_line import run
from tests.support.paths import PROJECT
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

root_only = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can be led into files of other users"
)
THEM: Final = 12345
CONTENTS: Final = "only root may read this"
STEPS: Final = (
    *("open", "stat", "lstat", "mkdir", "link", "replace", "rename", "unlink", "listdir", "scandir", "fsync"),
    *("chmod", "chown", "fchmod", "fchown", "listxattr", "access"),
)
"""The functions of `os` before each of which the attacker acts once."""


class Place:
    """A folder of another user with a manifest and its history in it, and what root has elsewhere."""

    def __init__(self, home: Path) -> None:
        self.theirs = home / "theirs"
        self.manifest = self.theirs / "aws-auth.yaml"
        self.history = self.theirs / ".aws-auth.yaml.history"
        self.secret = home / "secret"
        self.vault = home / "vault"
        self.theirs.mkdir(parents=True)
        self.history.mkdir()
        self.manifest.write_text(MANIFEST)
        for path in (self.theirs, self.history, self.manifest):
            os.chown(path, THEM, THEM)
        self.history.chmod(0o777)
        self.secret.touch(0o600)
        self.secret.write_text(CONTENTS)
        self.vault.mkdir(0o700)
        (self.vault / "inside").touch(0o600)

    def roots(self) -> list[object]:
        """Return all there is to see of what root has."""
        found = [self.secret, self.vault, *sorted(self.vault.iterdir())]
        states = [path.stat() for path in found]
        return [
            self.secret.read_text(),
            *((path, one.st_mode, one.st_uid, one.st_gid) for path, one in zip(found, states, strict=True)),
            self.secret.stat().st_nlink,
        ]


@pytest.fixture
def home() -> Iterator[Path]:
    """Return a folder that other users can look into: pytest's own cannot be entered by them."""
    home = Path(tempfile.mkdtemp(prefix="awsauth-"))
    home.chmod(0o755)
    yield home
    shutil.rmtree(home)


@contextmanager
def acting_as(user: int) -> Iterator[None]:
    os.setegid(user)
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def swap_temporary_files(location: Place) -> bool:
    found = [*location.theirs.glob(".*.tmp"), *location.history.glob(".*.tmp")]
    for path in found:
        path.rename(path.with_suffix(".old"))
        path.symlink_to(location.secret)
    return bool(found)


def swap_history(location: Place) -> bool:
    location.history.rename(location.theirs / "old")
    location.history.symlink_to(location.vault)
    return True


def swap_manifest(location: Place) -> bool:
    location.manifest.rename(location.theirs / "old")
    location.manifest.symlink_to(location.secret)
    return True


def plant_revisions(location: Place) -> bool:
    free = [path for path in (location.history / f"{n:06}.revision" for n in range(1, 5)) if not path.exists()]
    for path in free:
        path.symlink_to(location.secret)
    return bool(free)


class Attacker:
    """Acts, as another user, before one of root's steps: the one with this index, counted from 0."""

    def __init__(self, patch: pytest.MonkeyPatch, act: Callable[[], bool], at: int) -> None:
        self.steps = 0
        self.has_struck = False
        self._act = act
        self._at = at
        patch.setattr(os, "fsync", lambda _: None)  # thousands would wait for the disk, and nothing is looked at there
        for name in STEPS:
            patch.setattr(os, name, functools.partial(self._step, getattr(os, name)))

    def _step(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.steps += 1
        if self.steps == self._at + 1:
            with acting_as(THEM):
                self.has_struck = self._act()
        return function(*args, **kwargs)


def change(manifest: Path, account: str = "111122223333") -> None:
    commit(FileStore(manifest), changing([EnsureAccount(account=account)]), patience=Backoff(5))


@root_only
@pytest.mark.parametrize("act", [swap_temporary_files, swap_history, swap_manifest, plant_revisions])
def test_a_name_that_is_swapped_for_a_link_before_any_step_leads_root_nowhere(
    home: Path, act: Callable[[Place], bool]
) -> None:
    strikes = 0
    for at in range(1000):
        location = Place(home / str(at))
        before = location.roots()
        with pytest.MonkeyPatch.context() as patch:
            attacker = Attacker(patch, functools.partial(act, location), at)
            with suppress(AwsAuthError):
                change(location.manifest)
        assert location.roots() == before, f"step {at} of {attacker.steps}"
        strikes += attacker.has_struck
        if attacker.steps <= at:
            break
    else:
        pytest.fail("it never comes to an end")
    assert strikes
    assert at > 20


@root_only
@pytest.mark.parametrize(
    "use", [change, lambda path: log(FileStore(path)), lambda path: FileStore(path).read_revision(1)]
)
def test_a_history_that_another_user_has_made_is_not_used(home: Path, use: Callable[[Path], object]) -> None:
    location = Place(home / "x")
    os.chown(location.manifest, 0, 0)
    with pytest.raises(HistoryError, match="belongs to user 12345, and the manifest to user 0"):
        use(location.manifest)
    assert location.manifest.read_text() == MANIFEST
    assert list(location.history.iterdir()) == []
    os.chown(location.manifest, THEM, THEM)
    change(location.manifest)


def test_a_history_behind_a_link_is_not_used(tmp_path: Path) -> None:
    manifest = tmp_path / "aws-auth.yaml"
    manifest.write_text(MANIFEST)
    change(manifest)
    history = tmp_path / ".aws-auth.yaml.history"
    history.rename(tmp_path / "elsewhere")
    history.symlink_to("elsewhere")
    before = manifest.read_text()
    for use in (
        lambda path: change(path, "444455556666"),
        lambda path: log(FileStore(path)),
        lambda path: FileStore(path).read_revision(1),
    ):
        with pytest.raises(HistoryError, match="The history is not a folder: a link"):
            use(manifest)
    assert manifest.read_text() == before


@root_only
def test_what_root_makes_belongs_to_the_owner_of_the_manifest_who_goes_on_with_it(home: Path) -> None:
    location = Place(home / "x")
    location.history.rmdir()
    change(location.manifest)
    made = [location.history, *location.history.iterdir(), location.manifest]
    assert {(path.stat().st_uid, path.stat().st_gid) for path in made} == {(THEM, THEM)}
    assert len(made) == 6
    with acting_as(THEM):
        change(location.manifest, "444455556666")
    assert len(log(FileStore(location.manifest)).entries) == 3


@root_only
def test_a_history_that_root_was_stopped_in_making_is_given_away_by_the_next_change(home: Path) -> None:
    location = Place(home / "x")
    os.chown(location.history, 0, 0)
    change(location.manifest)
    assert location.history.stat().st_uid == THEM


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666])
def test_nobody_else_may_write_into_a_history_whatever_the_umask(tmp_path: Path, mode: int) -> None:
    manifest = tmp_path / "aws-auth.yaml"
    manifest.write_text(MANIFEST)
    manifest.chmod(mode)
    before = os.umask(0)
    try:
        change(manifest)
    finally:
        os.umask(before)
    history = tmp_path / ".aws-auth.yaml.history"
    assert stat.S_IMODE(history.stat().st_mode) == 0o755
    assert {stat.S_IMODE(path.stat().st_mode) for path in history.iterdir()} == {mode & 0o644}
    assert stat.S_IMODE(manifest.stat().st_mode) == mode


@root_only
def test_of_another_users_file_nothing_is_recorded_before_it_is_refused(home: Path) -> None:
    location = Place(home / "x")
    location.history.rmdir()
    location.theirs.chmod(0o777)
    with acting_as(54321), pytest.raises(FileError, match="belongs to another user"):
        awsauth.add_account_mapping("111122223333", file=location.manifest)
    assert [path.name for path in location.theirs.iterdir()] == ["aws-auth.yaml"]


def too_large(path: Path) -> None:
    with path.open("ab") as file:
        file.truncate(3 * 1024**3)


def test_a_sparse_revision_is_named_with_its_size_and_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = tmp_path / "aws-auth.yaml"
    manifest.write_text(MANIFEST)
    change(manifest)
    file = tmp_path / ".aws-auth.yaml.history" / "000001.revision"
    too_large(file)
    assert_not_read(monkeypatch, file)
    [stranger] = FileStore(manifest).list_revisions().invalid
    assert (
        stranger.problem == "000001.revision is not used: it has 3,221,225,472 bytes, and at most 16,777,216 are read."
    )
    with pytest.raises(HistoryError, match="it has 3,221,225,472 bytes"):
        FileStore(manifest).read_revision(1)
    change(manifest, "444455556666")


def test_a_sparse_manifest_is_named_with_its_size_and_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = tmp_path / "aws-auth.yaml"
    manifest.write_text(MANIFEST)
    too_large(manifest)
    assert_not_read(monkeypatch, manifest)
    with pytest.raises(FileError, match="it has 3,221,225,472 bytes, and at most 16,777,216 are read"):
        FileStore(manifest).read()


def assert_not_read(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    """Fail when the file is read by any of the ways that lead to all of its bytes."""
    identity = file.stat().st_ino

    def opened(fd: int, *args: Any, **kwargs: Any) -> Any:
        assert os.fstat(fd).st_ino != identity
        return real(fd, *args, **kwargs)

    def read(path: Path) -> bytes:
        assert path.stat().st_ino != identity
        return real_read(path)

    real, real_read = os.fdopen, Path.read_bytes
    monkeypatch.setattr(os, "fdopen", opened)
    monkeypatch.setattr(Path, "read_bytes", read)


def test_of_a_revision_that_is_no_metadata_only_the_beginning_is_read(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"a" * 100)
    with durability.Folder(tmp_path) as folder:
        assert folder.read("file", 10)[0] == b"a" * 10


def test_no_revision_is_written_that_could_not_be_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revision_folder, "LARGEST_FILE", 5000)
    manifest = tmp_path / "aws-auth.yaml"
    manifest.write_text(MANIFEST)
    with pytest.raises(HistoryError, match=r"it has [\d,]+ bytes, and at most 5,000 can be read again"):
        FileStore(manifest).record(draft(1, None, {"mapRoles": "# " + "x" * 5000}))
    assert FileStore(manifest).list_revisions().revisions == ()


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("000001.revision")])
def test_what_is_not_a_regular_file_is_neither_waited_for_nor_followed(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    manifest = tmp_path / "aws-auth.yaml"
    manifest.write_text(MANIFEST)
    change(manifest)
    make(tmp_path / ".aws-auth.yaml.history" / "000003.revision")
    [stranger] = FileStore(manifest).list_revisions().invalid
    assert stranger.problem == "000003.revision is not used: it is not a regular file."
    with pytest.raises(HistoryError, match="not a regular file"):
        FileStore(manifest).read_revision(3)


WITHOUT_POSIX: Final = """
import os, sys
for name in ("fchmod", "fchown", "geteuid", "O_NOFOLLOW", "O_DIRECTORY", "O_NONBLOCK", "listxattr", "getxattr", "setxattr"):
    if hasattr(os, name):
        delattr(os, name)
os.supports_dir_fd, sys.modules["fcntl"] = set(), None
import awsauth
client = awsauth.AwsAuthClient.from_file(sys.argv[1])
for account in ("111122223333", "444455556666"):
    client.add_account_mapping(account)
client.rollback()
print(len(client.history().entries), *client.read().accounts)
"""


def test_a_system_without_descriptors_of_folders_and_owners_has_a_history_too(tmp_path: Path) -> None:
    """As on Windows, where paths have to do."""
    manifest = tmp_path / "aws-auth.yaml"
    manifest.write_text(MANIFEST)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_POSIX, manifest], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert (done.stdout, done.stderr) == ("4 111122223333\n", "")


ADD: Final = ("add", "account", "111122223333", "--file")


def test_a_plan_is_not_saved_through_a_link(tmp_path: Path) -> None:
    manifest, victim, plan = (tmp_path / name for name in ("aws-auth.yaml", "victim", "plan.json"))
    manifest.write_text(MANIFEST)
    assert run(*ADD, str(manifest), "--out", str(victim)).code == 0
    before = victim.read_bytes()
    for target in (victim, tmp_path / "absent"):
        plan.symlink_to(target)
        done = run(*ADD, str(manifest), "--out", str(plan))
        assert (done.code, "does not hold a plan" in done.err, plan.is_symlink()) == (8, True, True), done
        plan.unlink()
    assert victim.read_bytes() == before
    assert not (tmp_path / "absent").exists()


def test_a_plan_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest, plan = tmp_path / "aws-auth.yaml", tmp_path / "plan.json"
    manifest.write_text(MANIFEST)
    assert run(*ADD, str(manifest), "--out", str(plan)).code == 0
    plan.chmod(0o600)
    assert run(*ADD, str(manifest), "--out", str(plan)).code == 0
    assert stat.S_IMODE(plan.stat().st_mode) == 0o600
    before = plan.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    done = run("add", "account", "444455556666", "--file", str(manifest), "--out", str(plan))
    assert (done.code, "No space left" in done.err) == (8, True), done
    assert plan.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["aws-auth.yaml", "plan.json"]


TARGET: Final = {"cluster": "k8s-cluster"}
DOCUMENT: Final = awsauth.Document({"mapAccounts": "- '111122223333'\n"})


def test_what_is_kept_for_completion_is_not_written_through_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache, victim = _cache(TARGET), tmp_path / "victim"
    cache.parent.mkdir()
    victim.write_text(CONTENTS)
    for name in (f"{cache.name}.{os.getpid()}", cache.name):
        cache.with_name(name).symlink_to(victim)
    remember(TARGET, DOCUMENT)
    assert victim.read_text() == CONTENTS


@root_only
def test_nothing_is_kept_for_completion_in_the_folder_of_another_user(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    folder = _cache(TARGET).parent
    folder.mkdir()
    os.chown(folder, THEM, THEM)
    remember(TARGET, DOCUMENT)
    assert list(folder.iterdir()) == []
    os.chown(folder, 0, 0)
    remember(TARGET, DOCUMENT)
    assert list(folder.iterdir()) == [_cache(TARGET)]


def test_the_hook_for_git_writes_to_no_name_that_can_be_foretold(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text(CONTENTS)
    hook = PROJECT / "examples" / "pre-commit"
    script = f'git init -q .; ln -s {victim} "$TMPDIR/awsauth-staged.$$"; exec sh {hook}'
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    subprocess.run(["sh", "-c", script], cwd=tmp_path, env=environment, check=True, timeout=PATIENCE)  # noqa: S607
    assert victim.read_text() == CONTENTS
