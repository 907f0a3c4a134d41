"""A manifest as the wanted state: compared with a file, a revision or a cluster, planned and applied."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import awsauth
from awsauth.core.manifest.manifest import Manifest, document_in
from awsauth.stores.memory import MemoryStore
from tests.support.command_line import NODE, ROLE, manifest_in as example_in, run

if TYPE_CHECKING:
    from pathlib import Path

CI = f"    # the build servers\n    - rolearn: '{ROLE}'   # quoted\n      username: ci\n"


@pytest.fixture
def live(tmp_path: Path) -> Path:
    folder = tmp_path / "live"
    folder.mkdir()
    return example_in(folder)


@pytest.fixture
def wanted(tmp_path: Path, live: Path) -> Path:
    """Return a manifest with one entry more, in a form of its own."""
    path = tmp_path / "wanted.yaml"
    text = live.read_text(encoding="utf-8")
    path.write_text(text.replace("  mapUsers:", f"{CI}  mapUsers:"), encoding="utf-8")
    return path


@pytest.fixture
def without_nodes(tmp_path: Path) -> Path:
    path = tmp_path / "people.yaml"
    path.write_text(
        f"kind: ConfigMap\nmetadata: {{name: aws-auth, namespace: kube-system}}\ndata:\n  mapRoles: |\n{CI}",
        encoding="utf-8",
    )
    return path


def texts(path: Path) -> dict[str, str]:
    return dict(Manifest.parse(path.read_text(encoding="utf-8")).data)


def test_two_files_compare_without_a_cluster(live: Path, wanted: Path) -> None:
    nowhere = {"KUBECONFIG": "/nowhere"}
    done = run("diff", str(live), str(wanted), env=nowhere)
    assert done.code == 1, done
    assert done.out.startswith(f"+ role {ROLE}: username ci, no groups\n--- mapRoles")
    assert run("diff", str(wanted), str(wanted), env=nowhere).code == 0
    assert run("diff", "-", str(wanted), stdin=live.read_text(encoding="utf-8"), env=nowhere).out == done.out


def test_guards_and_new_findings_are_in_a_comparison(live: Path, wanted: Path, without_nodes: Path) -> None:
    done = run("diff", str(live), str(without_nodes), "-o", "json")
    assert done.code == 3, done
    assert json.loads(done.out)["target"]["name"] == f"{live} and {without_nodes}"
    assert next(one["code"] for one in json.loads(done.out)["findings"]) == "node-mapping"
    assert "node-mapping" in run("diff", str(live), str(without_nodes)).out
    assert "`node-mapping`" in run("diff", str(live), str(without_nodes), "-o", "markdown").out
    wanted.write_text(wanted.read_text(encoding="utf-8").replace("username: ci", "username: ''"), encoding="utf-8")
    assert "empty username" in run("diff", str(live), str(wanted)).out


def test_keep_nodes_adds_the_nodes_that_only_the_present_data_has(live: Path, without_nodes: Path) -> None:
    done = run("diff", str(live), str(without_nodes), "--keep-nodes")
    assert done.code == 1, done
    assert f"- role {NODE}" not in done.out
    assert run("apply", str(without_nodes), "--file", str(live), "--yes").code == 3
    assert run("apply", str(without_nodes), "--file", str(live), "--yes", "--keep-nodes").code == 0
    mapped = awsauth.connect(file=live).read()
    assert [role.role_arn for role in mapped.roles] == [ROLE, NODE]
    assert mapped.data["mapRoles"].startswith("# the build servers\n")
    assert run("apply", str(without_nodes), "--file", str(live), "--keep-nodes", "--dry-run").out.startswith(
        "No change"
    )


NODES = "  groups: [system:bootstrappers, system:nodes]\n"


def test_of_two_entries_of_a_node_role_the_one_that_counts_is_kept() -> None:
    entry = f"- rolearn: {NODE}\n  username: system:node:%s\n{NODES}"
    client = awsauth.AwsAuthClient(MemoryStore({"mapRoles": entry % "old" + entry % "{{EC2PrivateDNSName}}"}))
    plan = client.plan(awsauth.Document({"mapRoles": "[]\n"}), keep_nodes=True)
    client.apply(plan, allow=["node-mapping"])
    assert [role.username for role in client.read().roles] == ["system:node:{{EC2PrivateDNSName}}"]


def test_a_node_mapping_that_no_change_can_add_is_left_out_and_said() -> None:
    filled_in_later = f"{NODE.rpartition('/')[0]}/${{name}}"
    entries = "".join(
        f"- rolearn: {role}\n  username: system:node:{{{{EC2PrivateDNSName}}}}\n{NODES}"
        for role in (filled_in_later, NODE)
    )
    client = awsauth.AwsAuthClient(MemoryStore({"mapRoles": entries}))
    plan = client.plan(awsauth.Document({"mapRoles": "[]\n"}), keep_nodes=True)
    client.apply(plan, allow=["node-mapping"])
    assert [role.role_arn for role in client.read().roles] == [NODE]
    assert [one.principal for one in plan.findings if one.code == "node-not-kept"] == [filled_in_later]


def test_the_texts_are_applied_byte_for_byte(live: Path, wanted: Path) -> None:
    done = run("apply", str(wanted), "--file", str(live), "--yes", "--reason", "from git")
    assert done.code == 0, done
    assert texts(live) == texts(wanted)
    assert run("plan", str(wanted), "--file", str(live)).code == 0


def test_a_plan_of_a_manifest_can_be_saved(tmp_path: Path, live: Path, wanted: Path) -> None:
    out = str(tmp_path / "plan.json")
    assert run("plan", str(wanted), "--file", str(live)).code == 1
    assert run("plan", "-", "--file", str(live), "--out", out, stdin=wanted.read_text(encoding="utf-8")).code == 0
    run("add", "role", f"{ROLE}-2", "--username", "x", "--file", str(live), "--yes")
    assert run("apply", out, "--file", str(live), "--yes").code == 6
    run("rollback", "--file", str(live), "--yes")
    assert run("apply", out, "--file", str(live), "--yes").code == 0
    assert texts(live) == texts(wanted)
    assert run("apply", out, "--file", str(live), "--yes", "--keep-nodes").code == 2


def test_a_manifest_is_compared_with_the_present_and_with_a_revision(live: Path, wanted: Path) -> None:
    assert run("diff", str(wanted), "--file", str(live)).out == run("diff", str(live), str(wanted)).out
    run("apply", str(wanted), "--file", str(live), "--yes")
    assert run("diff", str(wanted), "--file", str(live)).code == 0
    assert run("diff", "2", str(wanted), "--file", str(live)).code == 0
    back = run("diff", str(wanted), "1", "--file", str(live))
    assert (back.code, back.out.startswith(f"- role {ROLE}")) == (1, True), back
    assert run("diff", "1", "2", "--file", str(live)).out == run("diff", "1", str(wanted), "--file", str(live)).out


def test_a_policy_holds_for_a_comparison(tmp_path: Path, live: Path, wanted: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("username_prefixes: [team-]\n", encoding="utf-8")
    done = run("diff", str(live), str(wanted), "--policy", str(policy))
    assert done.code == 3, done
    assert "error policy" in done.out


def test_other_data_keys_stay_and_are_named(live: Path, wanted: Path) -> None:
    wanted.write_text(wanted.read_text(encoding="utf-8").replace("data:\n", "data:\n  note: hello\n"), encoding="utf-8")
    done = run("apply", str(wanted), "--file", str(live), "--yes")
    assert "other-data-key: The data key `note` differs" in done.out, done
    assert "note" not in texts(live)


def test_a_broken_manifest_is_refused_with_its_place(tmp_path: Path, live: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("kind: ConfigMap\nmetadata: {name: aws-auth}\ndata:\n  mapRoles: [x]\n", encoding="utf-8")
    for words in (["plan", str(path), "--file", str(live)], ["diff", str(live), str(path)]):
        done = run(*words)
        assert done.code == 8, done
        assert f"where: {path}, line 4" in done.err
    assert run("diff", str(tmp_path / "none.yaml")).code == 2


def test_a_manifest_is_told_from_other_files() -> None:
    text = 'kind: "ConfigMap"\nmetadata: {name: aws-auth}\ndata: {mapRoles: ""}\n'
    one_line = json.dumps(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "aws-auth"}, "data": {"mapRoles": ""}}
    )
    for raw in (text, text.encode(), b"\xff\xfe" + text.encode("utf-16-le"), one_line):
        assert document_in(raw)
    for raw in ("[]", '[{"change": "RemoveRole", "role_arn": "x"}]', "owner: a\n", b"\xff", ""):
        assert document_in(raw) is None


def test_a_document_is_planned_in_python(live: Path, wanted: Path) -> None:
    client = awsauth.connect(file=live)
    plan = client.plan(awsauth.connect(file=wanted).read())
    client.apply(plan)
    assert client.read() == awsauth.connect(file=wanted).read()
    assert client.read(1).data != client.read(2).data
    with pytest.raises(awsauth.UsageError, match="keep_nodes goes with a document"):
        client.plan([], keep_nodes=True)
