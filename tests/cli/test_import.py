"""`awsauth import` and `awsauth init`: fragments made of what is there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from awsauth.core.desired.convert import fragment_text, import_fragment, initial_fragment
from awsauth.core.desired.fragment import Fragment
from awsauth.core.document.document import Document
from awsauth.errors import FragmentError
from tests.support.command_line import NODE, manifest_in, run

if TYPE_CHECKING:
    from pathlib import Path

ROLE = "arn:aws:iam::111122223333:role/ci"
USER = "arn:aws:iam::111122223333:user/alice"
CI = {"rolearn": ROLE, "username": "ci", "groups": ["builders"]}
ALICE = {"userarn": USER, "username": "alice", "groups": []}
SESSION = "arn:aws:sts::111122223333:assumed-role/ci/{{SessionName}}"

SHAPES: dict[str, tuple[Any, dict[str, Any]]] = {
    "eksctl mappings": (
        {
            "kind": "ClusterConfig",
            "iamIdentityMappings": [
                {"arn": ROLE, "username": "ci", "groups": ["builders"], "noDuplicateARNs": True},
                {"arn": USER, "username": "alice"},
                {"account": "222233334444"},
            ],
        },
        {"mapRoles": [CI], "mapUsers": [ALICE], "mapAccounts": ["222233334444"]},
    ),
    "eksctl access entries": (
        {
            "accessConfig": {
                "accessEntries": [
                    {"principalARN": ROLE, "type": "STANDARD", "kubernetesGroups": ["builders"]},
                    {"principalARN": USER, "kubernetesUsername": "alice", "accessPolicies": []},
                    {"principalARN": f"{ROLE}-node", "type": "EC2_LINUX"},
                ]
            }
        },
        {
            "mapRoles": [
                {**CI, "username": SESSION},
                {
                    "rolearn": f"{ROLE}-node",
                    "username": "system:node:{{EC2PrivateDNSName}}",
                    "groups": ["system:bootstrappers", "system:nodes"],
                },
            ],
            "mapUsers": [ALICE],
        },
    ),
    "terraform access entries": (
        {
            "access_entries": {
                "ci": {"principal_arn": ROLE, "kubernetes_groups": ["builders"], "user_name": "ci", "tags": {"a": "b"}}
            }
        },
        {"mapRoles": [CI]},
    ),
    "terraform aws-auth": (
        {"aws_auth_roles": [CI], "aws_auth_users": [ALICE], "aws_auth_accounts": ["222233334444"]},
        {"mapRoles": [CI], "mapUsers": [ALICE], "mapAccounts": ["222233334444"]},
    ),
    "IAMIdentityMapping": (
        {"kind": "IAMIdentityMapping", "spec": {"arn": ROLE, "username": "ci", "groups": ["builders"]}},
        {"mapRoles": [CI]},
    ),
    "AWSAuthItem": (
        {"kind": "AWSAuthItem", "spec": {"suspend": False, "mapRoles": [CI], "mapUsers": [ALICE]}},
        {"mapRoles": [CI], "mapUsers": [ALICE]},
    ),
    "a list of objects": (
        {
            "kind": "List",
            "items": [
                {"kind": "MapRole", "spec": {"roleARN": ROLE, "username": "ci", "groups": ["builders"]}},
                {"kind": "MapUser", "spec": {"userARN": USER, "username": "alice"}},
            ],
        },
        {"mapRoles": [CI], "mapUsers": [ALICE]},
    ),
    "AccessEntry": (
        {"kind": "AccessEntry", "spec": {"principalARN": USER, "clusterName": "x"}},
        {"mapUsers": [{**ALICE, "username": USER}]},
    ),
    "an aws-auth manifest": (
        {"kind": "ConfigMap", "data": {"mapRoles": json.dumps([CI]), "mapUsers": "", "mapAccounts": "[]\n"}},
        {"mapRoles": [CI]},
    ),
    "ConfigMaps that cmmc or aws-auth-merger merge": (
        {
            "kind": "List",
            "items": [
                {
                    "kind": "ConfigMap",
                    "data": {"mapRoles": f"- arn: {ROLE}\n  username: ci\n  groups:\n  - builders\n"},
                },
                {"kind": "ConfigMap", "data": {"mapUsers": f"- userarn: {USER}\n  username: alice\n"}},
                {"kind": "MergeSource", "spec": {"source": {"data": "mapRoles"}, "target": {"data": "mapRoles"}}},
            ],
        },
        {"mapRoles": [CI], "mapUsers": [ALICE]},
    ),
    "MergeTarget": (
        {"kind": "MergeTarget", "spec": {"data": {"mapRoles": {"init": json.dumps([CI])}, "mapUsers": {}}}},
        {"mapRoles": [CI]},
    ),
    "eks-auth-sync": (
        {
            "kubernetes": {"inKubeCluster": True},
            "scanners": [{"type": "static", "static": {"roles": [CI], "users": [ALICE]}}],
        },
        {"mapRoles": [CI], "mapUsers": [ALICE]},
    ),
    "a file of eks-auth-sync": ({"users": [ALICE], "roles": [CI]}, {"mapRoles": [CI], "mapUsers": [ALICE]}),
    "Cluster API": ({"spec": {"iamAuthenticatorConfig": {"mapRoles": [CI]}}}, {"mapRoles": [CI]}),
    "kops": (
        {"clusterID": "x", "server": {"mapRoles": [CI], "mapAccounts": ["222233334444"]}},
        {"mapRoles": [CI], "mapAccounts": ["222233334444"]},
    ),
}


@pytest.mark.parametrize(("values", "wanted"), SHAPES.values(), ids=SHAPES)
def test_a_shape_becomes_a_fragment(values: Any, wanted: dict[str, Any]) -> None:
    made = import_fragment(json.dumps(values), "a")
    assert made == Fragment(owner="a", **wanted)
    assert Fragment.from_text(fragment_text(made)) == made


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"iamIdentityMappings": [{"serviceName": "emr-containers", "namespace": "x"}]},
            "`serviceName` and `namespace`",
        ),
        (
            {"accessConfig": {"accessEntries": [{"principalARN": ROLE, "accessPolicies": [{"policyARN": "x"}]}]}},
            "`accessPolicies`",
        ),
        (
            {"access_entries": {"ci": {"principal_arn": ROLE, "policy_associations": {"x": {}}}}},
            "`policy_associations`",
        ),
        ({"accessConfig": {"accessEntries": [{"principalARN": ROLE, "type": "EC2"}]}}, "`type`"),
        ({"kind": "AWSAuthItem", "spec": {"suspend": True, "mapRoles": [CI]}}, "suspended"),
        ({"iamIdentityMappings": [{"username": "x"}]}, "no ARN"),
        ({"iamIdentityMappings": [5]}, "no ARN|12 digits|no AWS account|not an AWS account"),
        ({"mapRoles": [[]]}, "not a mapping"),
        ({"mapRoles": [{**CI, "groups": "system:masters"}]}, "groups of .*system:masters.*, which is not a list"),
        ({"mapRoles": [{**CI, "groups": {"system:masters": 1}}]}, "which is not a list"),
        ({"mapRoles": [{**CI, "groups": True}]}, "which is not a list"),
        ({"mapRoles": [{**CI, "kubernetesGroups": ["x"]}]}, "`groups` and `kubernetesGroups`, which mean the same"),
        ({"mapRoles": [{**CI, "userarn": USER}]}, "`rolearn` and `userarn`, which mean the same"),
        ({"mapRoles": [{**CI, "user_name": "other"}]}, "`username` and `user_name`, which mean the same"),
        ({"mapRoles": [CI], "iamIdentityMappings": [{"arn": ROLE, "username": "x"}]}, "is listed twice"),
        ({"mapAccounts": ["222233334444", "222233334444"]}, "is listed twice"),
        ({"mapRoles": [{"rolearn": "arn:aws:iam::1:role/x", "username": "x"}]}, "account"),
        ({"kind": "Deployment", "spec": {}}, "no principals"),
        (
            {"kind": "AwsAuthSyncConfig", "spec": {"syncIamGroups": [{"source": "a", "dest": "b"}]}},
            "members of IAM groups",
        ),
        (
            {"scanners": [{"type": "static", "static": {"roles": [CI]}}, {"type": "iam", "iam": {"clusterName": "x"}}]},
            "tags",
        ),
        ({"scanners": [{"type": "ssm", "ssm": {"path": "/x"}}]}, "AWS Systems Manager"),
        ({"scanners": [{"type": "file", "file": {"path": "x"}}]}, "another file"),
        ({"kind": "ConfigMap", "data": {"mapRoles": "- ["}}, "The text"),
        ([], "no principals"),
    ],
)
def test_what_a_fragment_cannot_hold_is_refused_by_name(values: Any, message: str) -> None:
    with pytest.raises(FragmentError, match=message):
        import_fragment(json.dumps(values), "a")


def test_what_is_refused_has_a_place() -> None:
    text = "kind: List\nitems:\n- kind: MapRole\n  spec: {}\n- kind: AWSAuthItem\n  spec:\n    suspend: true\n"
    with pytest.raises(FragmentError) as raised:
        import_fragment(text.replace("- kind: MapRole\n  spec: {}\n", ""), "a")
    assert raised.value.location == "line 4, column 3"


def test_the_places_of_a_principal_that_is_listed_twice_are_said() -> None:
    one = f"- rolearn: {ROLE}\n  username: ci\n"
    with pytest.raises(FragmentError, match="is listed twice") as raised:
        import_fragment(f"mapRoles:\n{one}{one.replace('/ci', '/CI')}", "a")
    assert raised.value.location == "line 2, column 3 and line 4, column 3"


def test_the_command_prints_a_fragment_and_names_the_place_of_what_it_refuses(tmp_path: Path) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_text(f"kind: ClusterConfig\niamIdentityMappings:\n- arn: {ROLE}\n  username: ci\n", encoding="utf-8")
    done = run("import", str(file), "--owner", "team-a")
    assert (done.code, done.out) == (0, f"owner: team-a\nmapRoles:\n- rolearn: {ROLE}\n  username: ci\n"), done
    file.write_text(f"iamIdentityMappings:\n- arn: {ROLE}\n  serviceName: x\n", encoding="utf-8")
    done = run("import", str(file), "--owner", "team-a")
    assert (done.code, f"where: {file}, line 2, column 3" in done.err) == (2, True), done
    file.write_bytes(b"\xff\x00")
    assert run("import", str(file), "--owner", "team-a").code == 2


def test_what_is_mapped_becomes_a_fragment_that_can_be_adopted(tmp_path: Path) -> None:
    file = str(manifest_in(tmp_path))
    run("add", "role", ROLE, "--username", "ci", "--group", "builders", "--file", file, "--yes")
    run("add", "user", USER, "--username", "alice", "--file", file, "--yes")
    run("add", "account", "222233334444", "--file", file, "--yes")
    other = tmp_path / "other.yaml"
    other.write_text("owner: other\nmapAccounts: ['333344445555']\n", encoding="utf-8")
    run("sync", str(other), "--file", file, "--yes")
    done = run("init", "--owner", "team-a", "--file", file)
    assert done.err == f"Left out: {NODE}: it maps nodes.\nLeft out: 333344445555: another owner applied it.\n"
    assert Fragment.from_text(done.out) == Fragment(
        owner="team-a", roles=[CI], users=[ALICE], accounts=["222233334444"]
    )
    fragment = tmp_path / "a.yaml"
    fragment.write_text(done.out, encoding="utf-8")
    before = (tmp_path / "aws-auth.yaml").read_bytes()
    assert run("sync", str(fragment), "--file", file, "--yes", "--adopt").code == 0
    assert (tmp_path / "aws-auth.yaml").read_bytes() == before
    assert run("sync", str(fragment), "--file", file, "--check").code == 0


@pytest.mark.parametrize(
    "data",
    [
        {"mapUsers": f"- userarn: {ROLE}\n  username: boss\n"},
        {"mapRoles": "- rolearn: arn:aws:iam::<account>:role/x\n  username: boss\n"},
        {"mapRoles": f"- rolearn: {ROLE}-x\n  username: boss\n  groups: [' blank']\n"},
        {"mapAccounts": "- '12'\n"},
    ],
    ids=range(4),
)
def test_an_entry_that_a_fragment_cannot_hold_is_left_out_and_said(data: dict[str, str]) -> None:
    data["mapRoles"] = f"{data.get('mapRoles', '')}- rolearn: {ROLE}\n  username: ci\n  groups: [builders]\n"
    fragment, left_out = initial_fragment(Document(data), "a", ())
    assert fragment == Fragment(owner="a", roles=[CI])
    assert len(left_out) == 1
    assert "a fragment cannot hold it" in left_out[0] or "never matches" in left_out[0]
