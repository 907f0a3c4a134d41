"""What a command asks on a terminal, and what an error says of changes."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import pytest

from awsauth.client import AwsAuthClient
from awsauth.core.edit.changes import EnsureRole, ReplaceText
from awsauth.errors import AwsAuthError, UnreachableError
from tests.support.command_line import NODE, Terminal, manifest_in, run

if TYPE_CHECKING:
    from pathlib import Path

ROLE: Final = "arn:aws:iam::111122223333:role/"
NODES: Final = f"""- rolearn: {ROLE}node
  username: system:node:{{{{EC2PrivateDNSName}}}}
  groups: [system:bootstrappers, system:nodes]
"""
BOSS: Final = f"- rolearn: {ROLE}boss\n  username: boss\n  groups: [system:masters]\n"
DEVELOPERS: Final = "".join(f"- rolearn: {ROLE}dev{number}\n  username: dev{number}\n" for number in range(2))
REMOVE: Final = ("remove", "role", NODE, "-y")


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(manifest_in(tmp_path, mapRoles=NODES + BOSS + DEVELOPERS))


def test_a_rollback_names_what_others_added_and_asks(path: str) -> None:
    ours, theirs = AwsAuthClient.from_file(path), AwsAuthClient.from_file(path, author="theirs")
    ours.apply(EnsureRole(role_arn=f"{ROLE}ci", username="ci"))
    theirs.apply(EnsureRole(role_arn=f"{ROLE}ng2", username="ng2"))
    terminal = Terminal("rollback", "--to", "1", "--file", path, columns=200)
    shown = terminal.wait_for("[y/N]")
    assert re.search(rf"kept: mapRoles {ROLE}ng2 \(written by `.+ \(author theirs\)` in revision 3\)", shown), shown
    assert f"- role {ROLE}ci: username ci" in shown.replace("\x1b[31m", "")
    terminal.type("y\n")
    assert terminal.end() == 0
    roles = [role.role_arn for role in ours.read().roles]
    assert f"{ROLE}ng2" in roles
    assert f"{ROLE}ci" not in roles


@pytest.mark.parametrize("answer", ["y", "n"])
def test_where_a_guard_refuses_a_rollback_it_is_asked_about_in_the_same_run(path: str, answer: str) -> None:
    ours, theirs = AwsAuthClient.from_file(path), AwsAuthClient.from_file(path, author="theirs")
    ours.apply(EnsureRole(role_arn=f"{ROLE}ci", username="ci"))
    good = ours.read().data
    theirs.apply(ReplaceText(key="mapRoles", text=NODES + BOSS), allow=["own-access"])
    wiped = ours.read().data
    refused = run("rollback", "-y", "--file", path)
    assert (refused.code, "--allow regrant" in refused.err) == (3, True), refused
    terminal = Terminal("rollback", "--file", path, columns=200)
    shown = terminal.wait_for("[y/N]")
    assert "Allow regrant, and make this change to" in shown
    assert f"regrant: {ROLE}dev0" in shown.replace("\x1b[0m", "").replace("`", "")
    terminal.type(f"{answer}\n")
    assert terminal.end() == (0 if answer == "y" else 1)
    assert ours.read().data == (good if answer == "y" else wiped)


@pytest.mark.parametrize(
    ("words", "is_said"), [(REMOVE, True), ((*REMOVE, "--dry-run"), False), (("explain", "nobody"), False)]
)
def test_an_error_says_once_that_nothing_was_changed(tmp_path: Path, *, words: tuple[str, ...], is_said: bool) -> None:
    done = run(*words, "--file", str(manifest_in(tmp_path)))
    assert done.code in (2, 3)
    assert done.err.splitlines().count("Nothing was changed.") == is_said


@pytest.mark.parametrize(
    ("changed", "said"), [(True, "Something was changed."), (None, "It is unknown whether anything was changed.")]
)
def test_an_error_that_changed_something_says_so(
    path: str, monkeypatch: pytest.MonkeyPatch, *, changed: bool | None, said: str
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        error = AwsAuthError("No answer.")
        error.changed = changed
        raise error

    monkeypatch.setattr(AwsAuthClient, "snapshot", fails)
    done = run("snapshot", "--file", path, "-o", "json")
    assert said in done.err.splitlines()
    assert json.loads(done.out)["error"]["changed"] is changed


def test_an_error_after_a_change_says_that_there_was_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = manifest_in(tmp_path, mapRoles=f"- rolearn: {ROLE}team/ci\n  username: ci\n")
    check, calls = AwsAuthClient.check, []

    def once(client: AwsAuthClient) -> Any:
        calls.append(client)
        if len(calls) > 1:
            raise UnreachableError("The network is gone.")
        return check(client)

    monkeypatch.setattr(AwsAuthClient, "check", once)
    done = run("check", "--fix", "-y", "--file", str(path), "-o", "json")
    assert "role/ci" in path.read_text(encoding="utf-8")
    assert "Something was changed." in done.err.splitlines()
    assert json.loads(done.out)["error"]["changed"] is True


def test_a_health_check_reads_the_policy(tmp_path: Path) -> None:
    kubeconfig = {
        "clusters": [{"name": "it", "cluster": {"server": "http://127.0.0.1:1"}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "users": [{"name": "it", "user": {"token": "t"}}],
    }
    file, policy = tmp_path / "kubeconfig", tmp_path / "policy.yaml"
    file.write_text(json.dumps(kubeconfig), encoding="utf-8")
    policy.write_text("quiet_notes: [no-baseline]\n", encoding="utf-8")
    words = ["health", "--kubeconfig", str(file), "--context", "it", "--policy"]
    done = run(*words, str(policy))
    assert (done.code, "api-server failed" in done.out) == (1, True), done
    absent = run(*words, str(tmp_path / "absent.yaml"))
    assert (absent.code, "The policy cannot be read" in absent.err) == (2, True), absent
