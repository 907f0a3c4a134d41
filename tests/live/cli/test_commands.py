"""Commands on a real API server: what they change, how they ask, and how they exit when they may not or cannot."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import Terminal, environment, process, run
from tests.support.servers.faulty_server import FaultyServer
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.controlplane.cluster import Cluster

ROLE = "arn:aws:iam::111122223333:role/deployer"
NODE = "arn:aws:iam::111122223333:role/node"
NODES = (
    f"- rolearn: {NODE}\n  username: system:node:{{{{EC2PrivateDNSName}}}}\n"
    "  groups: [system:bootstrappers, system:nodes]  # keep\n"
)
ADD = ("add", "role", ROLE, "--username", "deployer", "--group", "deployers")
READER = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"], "resourceNames": ["aws-auth"]}]


@pytest.fixture
def at(cluster: Cluster, tmp_path: Path) -> dict[str, str | None]:
    """Return the variables that lead to a cluster where nodes are mapped."""
    cluster.put_aws_auth({"mapRoles": NODES})
    return {"AWSAUTH_KUBECONFIG": str(cluster.kubeconfig), "XDG_CACHE_HOME": str(tmp_path / "cache")}


def roles(cluster: Cluster) -> str:
    held = cluster.aws_auth()
    assert held is not None
    return str(held["data"]["mapRoles"])


def test_a_change_goes_all_the_way(cluster: Cluster, at: dict[str, str | None]) -> None:
    done = run(*ADD, "--yes", "--reason", "release 42", env=at)
    assert done.code == 0, done
    assert f"Changed aws-auth of context {cluster.context}, as " in done.out
    assert roles(cluster).startswith(NODES)
    assert ROLE in roles(cluster)
    assert "release 42" in run("history", env=at).out
    assert ROLE in run("get", ROLE, "--context", cluster.context, env=at).out
    assert run("diff", "1", env=at).code == 1
    assert run("rollback", "--to", "1", "--yes", env=at).code == 0
    assert roles(cluster) == NODES


def test_verbose_shows_requests_and_decisions_without_secrets(cluster: Cluster, at: dict[str, str | None]) -> None:
    done = run(*ADD, "--yes", "-v", env=at)
    lines = [line for line in done.err.splitlines() if line.startswith("debug: ")]
    assert f"debug: Connecting to context {cluster.context}" in lines[0]
    path = "/api/v1/namespaces/kube-system/configmaps/aws-auth"
    assert [line for line in lines if path in line][-1] == f"debug: PUT {path}: 200"
    assert any(line.startswith("debug: Recorded revision ") for line in lines)
    more = run("get", "-vv", env=at)
    assert "Audit-Id" in more.err
    assert cluster.admin_token not in done.err + more.err
    assert "debug:" not in run("get", env=at).err


def test_json_names_the_cluster_and_the_user(cluster: Cluster, at: dict[str, str | None]) -> None:
    user = cluster.user(READER, namespace="kube-system")
    shown = json.loads(run("get", "-o", "json", "--kubeconfig", str(user.kubeconfig), env=at).out)
    assert shown["target"]["name"].startswith("context ")
    assert user.name in shown["target"]["as"]


def test_what_is_not_there_is_not_done(cluster: Cluster, at: dict[str, str | None]) -> None:
    cluster.kubectl("-n", "kube-system", "delete", "configmap", "aws-auth")
    done = run("get", env=at)
    assert (done.code, "There is no aws-auth" in done.err) == (4, True), done


def test_the_server_rehearses(cluster: Cluster, at: dict[str, str | None]) -> None:
    done = run(*ADD, "--dry-run=server", env=at)
    assert done.code == 0, done
    assert "+ role" in done.out
    last = done.out.splitlines()[-1]
    assert last.startswith(f"Dry run by the API server for aws-auth of context {cluster.context}, as ")
    assert roles(cluster) == NODES


@pytest.mark.usefixtures("cluster")
def test_a_check_asks_the_cluster(at: dict[str, str | None]) -> None:
    assert run("check", env=at).code in (0, 1)
    values = json.loads(run("check", "-o", "json", env=at).out)
    assert all(found["file"] is None for found in values["findings"])


def test_notes_are_acknowledged(cluster: Cluster, at: dict[str, str | None], tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("quiet_notes: [no-baseline, unproven-history]\n", encoding="utf-8")

    def shown(command: str, code: str) -> list[bool]:
        quiet = (), ("--quiet-notes", code), ("--policy", str(policy))
        return [f"note {code}" in run(command, *words, env=at).out for words in quiet]

    assert shown("check", "no-baseline") == [True, False, False]
    assert run("snapshot", env=at).code == 0
    assert shown("check", "no-baseline") == [False, False, False]
    cluster.put_aws_auth({"mapRoles": NODES.replace("  # keep", "")})
    assert shown("history", "unproven-history") == [True, False, False]


def test_who_may_not_is_told_the_rule_that_is_missing(cluster: Cluster, at: dict[str, str | None]) -> None:
    nobody, reader = cluster.user(), cluster.user(READER, namespace="kube-system")
    for user, args in ((nobody, ["get"]), (reader, [*ADD, "--yes"])):
        done = run(*args, "--kubeconfig", str(user.kubeconfig), env=at)
        assert done.code == 5, done
        assert "resources:" in done.err
    assert run("get", "--kubeconfig", str(reader.kubeconfig), env=at).code == 0
    acting = run("get", "--as", nobody.name, "--as-group", "nobodies", env=at)
    assert (acting.code, nobody.name in acting.err) == (5, True)
    assert roles(cluster) == NODES


def test_an_unknown_token_is_not_allowed(cluster: Cluster, at: dict[str, str | None], tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text(
        cluster.kubeconfig.read_text(encoding="utf-8").replace(cluster.admin_token, "nonsense"), encoding="utf-8"
    )
    assert run("get", "--kubeconfig", str(wrong), env=at).code == 5


def test_what_cannot_be_reached_is_seven(cluster: Cluster, at: dict[str, str | None], tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.write_text(
        cluster.kubeconfig.read_text(encoding="utf-8").replace(cluster.server, "https://127.0.0.1:1"), encoding="utf-8"
    )
    assert run("get", "--kubeconfig", str(gone), env=at).code == 7
    assert run("get", "--kubeconfig", str(tmp_path / "none"), env=at).code == 7
    assert run("get", "--context", "none", env=at).code == 7


def test_others_between_the_question_and_the_answer(cluster: Cluster, at: dict[str, str | None]) -> None:
    terminal = Terminal(*ADD, env={name: value for name, value in at.items() if value})
    terminal.wait_for("[y/N]")
    cluster.put_aws_auth({"mapRoles": f"{NODES}- rolearn: {ROLE}\n  username: deployer\n  groups: [others]\n"})
    terminal.type("y\n")
    terminal.wait_for("The change would now be:")
    assert "deployers" not in roles(cluster)
    terminal.wait_for("into group deployers")
    terminal.type("y\n")
    assert terminal.end() == 0, terminal.shown
    assert "deployers" in roles(cluster)
    assert "others" in roles(cluster)


def test_a_plan_for_another_object_is_a_conflict(cluster: Cluster, at: dict[str, str | None], tmp_path: Path) -> None:
    plan = str(tmp_path / "plan.json")
    assert run(*ADD, "--out", plan, env=at).code == 0
    cluster.delete_aws_auth()
    cluster.put_aws_auth({"mapRoles": NODES})
    done = run("apply", plan, "--yes", env=at)
    assert (done.code, "The plan is for" in done.err) == (6, True)
    assert roles(cluster) == NODES


def test_no_token_is_ever_shown(cluster: Cluster, at: dict[str, str | None], tmp_path: Path) -> None:
    with FaultyServer(cluster) as server:
        path = server.write_kubeconfig(tmp_path / "faulty.kubeconfig")
        server.always = "cut before"
        done = run("get", "-vv", "--traceback", "--kubeconfig", str(path), env=at)
    assert (done.code, "Caused by" in done.err or "urllib3" in done.err) == (7, True)
    assert cluster.admin_token not in str(done)


def test_kubectl_finds_it_as_a_plugin(cluster: Cluster, at: dict[str, str | None]) -> None:
    done = subprocess.run(
        [str(cluster.plane.programs.kubectl), "awsauth", "get"],
        env=environment(**{name: value for name, value in at.items() if value}),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert NODE in done.stdout


def test_a_shell_completes_what_was_read_last(cluster: Cluster, at: dict[str, str | None], tmp_path: Path) -> None:
    variables = {name: value for name, value in at.items() if value}
    line = {"AWSAUTH_COMPLETION_LINE": "awsauth explain arn", "AWSAUTH_COMPLETION_PART": "arn"}
    asked = {"_AWSAUTH_COMPLETE": "bash_complete", **line}
    assert process(env={**variables, **asked}).out.strip() == ""
    assert process("get", env=variables).code == 0
    assert NODE in process(env={**variables, **asked}).out
    (kept,) = (tmp_path / "cache" / "awsauth").iterdir()
    assert cluster.admin_token not in kept.read_text(encoding="utf-8")
    assert kept.stat().st_mode & 0o077 == 0
    contexts = {**asked, "AWSAUTH_COMPLETION_LINE": "awsauth get --context ", "AWSAUTH_COMPLETION_PART": ""}
    assert cluster.context in process(env={**variables, **contexts}).out


def test_a_change_can_be_waited_for_and_taken_back(cluster: Cluster, at: dict[str, str | None]) -> None:
    waited = run(*ADD, "--yes", "--wait", "5", env=at)
    assert waited.code == 0, waited
    assert "not-observed" in waited.out
    assert ROLE in roles(cluster)
    assert run("remove", "role", ROLE, "--yes", "--revert-after", "1", env=at).code == 2
    assert ROLE in roles(cluster)


def test_health_tells_what_fails(cluster: Cluster, at: dict[str, str | None], tmp_path: Path) -> None:
    done = run("health", env=at)
    assert (done.code, "It is healthy." in done.out) == (0, True), done
    nobody = cluster.user()
    refused = run("health", "--may", "list secrets", "--kubeconfig", str(nobody.kubeconfig), "-o", "json", env=at)
    assert refused.code == 1
    assert not json.loads(refused.out)["health"]["passed"]
    assert run("health", "--may", "nonsense", env=at).code == 2
    assert run("health", "--file", str(tmp_path), env=at).code == 2
