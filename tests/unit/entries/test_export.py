"""Access entries as infrastructure code, read by the tools themselves or by schemas written after theirs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, get_args

import pytest
import yaml
from jsonschema import Draft202012Validator

from awsauth.core.edit.validation import BRIDGE_GROUP
from awsauth.core.entries.export import ExportFormat, export, own_entries
from awsauth.core.entries.model import AccessEntry, AccessPolicy
from awsauth.errors import InvalidValueError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

PREFIX: Final = "arn:aws:iam::111122223333:role"
POLICY: Final = "arn:aws:eks::aws:cluster-access-policy"
HOSTILE: Final = "a'b\"c`d$(id) ${var.x} %{if} \\ \u202e\u00e9 ; * ## {{SessionName}}: !Ref x # -y\n&z *w"
ADMIN: Final = AccessEntry(
    f"{PREFIX}/team/ops", "STANDARD", "ops", ("auditors",), (AccessPolicy(f"{POLICY}/AmazonEKSClusterAdminPolicy"),),
    tags={"team": "platform", "cost": "7", "aws:cloudformation:stack-name": "x"},
)  # fmt: skip
CI: Final = AccessEntry(
    f"{PREFIX}/ci", "STANDARD", "ci:{{SessionName}}", (),
    (AccessPolicy(f"{POLICY}/AmazonEKSEditPolicy", ("apps", "dev-*")), AccessPolicy(f"{POLICY}/AmazonEKSViewPolicy")),
)  # fmt: skip
NODES: Final = AccessEntry(f"{PREFIX}/nodes", "EC2_LINUX", "system:node:{{EC2PrivateDNSName}}", ("system:nodes",))
ODD: Final = AccessEntry(f"{PREFIX}/path/9+=,.@-x", "STANDARD", HOSTILE, (HOSTILE, "--debug", "file:///etc/passwd"))
TWIN: Final = AccessEntry("arn:aws:iam::444455556666:user/ci", "STANDARD", "anna")
ALL: Final = (ADMIN, CI, NODES, ODD, TWIN)
PROD: Final = ("prod", "eu-west-1")


def parsed(kind: ExportFormat) -> Any:
    return json.loads(export(ALL, kind, *PROD))


def _text(literal: Any) -> Any:
    """Return a value that Terraform reads as one, without its two escapes; what is left of `${` is a template."""
    if isinstance(literal, dict):
        return {_text(key): _text(value) for key, value in literal.items()}
    if isinstance(literal, list):
        return [_text(value) for value in literal]
    assert not re.search(r"(?<![$%])[$%](?:[$%]{2})*\{", literal), literal
    return re.sub(r"([$%])\1\{", r"\1{", literal)


def test_terraform_has_a_resource_and_an_import_for_each_entry_and_policy() -> None:
    """Terraform is not here: the attributes and import ids are those of the documentation of its provider."""
    found = parsed("terraform")
    entries = found["resource"]["aws_eks_access_entry"]
    policies = found["resource"]["aws_eks_access_policy_association"]
    assert all(re.fullmatch(r"[a-z]\w*", name, re.ASCII) for name in (*entries, *policies))
    assert set(entries) == {"ops", "ci", "ci_2", "nodes", "entry_9_x"}
    assert entries["ops"] == {
        "cluster_name": "prod",
        "principal_arn": f"{PREFIX}/team/ops",
        "type": "STANDARD",
        "user_name": "ops",
        "kubernetes_groups": ["auditors"],
        "tags": {"cost": "7", "team": "platform"},
    }
    assert entries["nodes"].keys() == {"cluster_name", "principal_arn", "type"}
    odd = _text(entries["entry_9_x"])
    assert (odd["user_name"], sorted(odd["kubernetes_groups"])) == (ODD.username, sorted(ODD.groups))
    # The name of an entry is the first that is free, in the order of the ARNs.
    assert entries["ci"]["principal_arn"] == CI.principal_arn
    edit = policies["ci_AmazonEKSEditPolicy"]
    assert (edit["principal_arn"], edit["depends_on"]) == (CI.principal_arn, ["aws_eks_access_entry.ci"])
    assert edit["access_scope"] == {"type": "namespace", "namespaces": ["apps", "dev-*"]}
    imports = {one["to"]: one["id"] for one in found["import"]}
    assert imports["aws_eks_access_entry.ops"] == f"prod:{PREFIX}/team/ops"
    assert imports["aws_eks_access_policy_association.ci_AmazonEKSViewPolicy"] == (
        f"prod#{PREFIX}/ci#{POLICY}/AmazonEKSViewPolicy"
    )
    named = {f"{kind}.{name}" for kind, made in found["resource"].items() for name in made}
    assert imports.keys() == named


def test_the_module_of_terraform_gets_its_map_of_entries() -> None:
    """Its variable ``access_entries`` is typed since version 21: an attribute that it does not have is an error."""
    found = parsed("terraform-module")["locals"]["access_entries"]
    known = {"kubernetes_groups", "principal_arn", "type", "user_name", "tags", "policy_associations"}
    assert all(one.keys() <= known for one in found.values())
    assert found["ci"]["policy_associations"]["AmazonEKSEditPolicy"] == {
        "policy_arn": f"{POLICY}/AmazonEKSEditPolicy",
        "access_scope": {"type": "namespace", "namespaces": ["apps", "dev-*"]},
    }
    assert _text(found["entry_9_x"])["user_name"] == HOSTILE
    assert found["nodes"] == {"principal_arn": NODES.principal_arn, "type": "EC2_LINUX", "policy_associations": {}}


def test_cloudformation_has_no_fault_by_its_own_linter() -> None:
    from cfnlint.api import ManualArgs, lint  # type: ignore[import-untyped]

    template = export([ADMIN, CI, NODES, TWIN, ODD], "cloudformation", *PROD)
    assert [str(one) for one in lint(template, None, ["eu-west-1"], ManualArgs(regions=["eu-west-1"]))] == []
    # It does see a fault.
    assert lint(template.replace('"PrincipalArn"', '"PrincipalARN"', 1), None, ["eu-west-1"])
    resources = json.loads(template)["Resources"]
    assert set(resources) == {"ops", "ci", "ci2", "nodes", "entry9x"}
    assert resources["entry9x"]["Properties"]["Username"] == HOSTILE
    assert resources["ops"]["Properties"]["Tags"] == [
        {"Key": "cost", "Value": "7"},
        {"Key": "team", "Value": "platform"},
    ]
    assert {one["DeletionPolicy"] for one in resources.values()} == {"Retain"}


def test_cloudformation_would_look_up_a_secret_in_a_name() -> None:
    with pytest.raises(InvalidValueError, match="CloudFormation would replace"):
        export([AccessEntry(f"{PREFIX}/ci", "STANDARD", "{{resolve:ssm:/x}}")], "cloudformation", *PROD)
    assert "{{resolve:ssm:/x}}" in export([AccessEntry(f"{PREFIX}/ci", "STANDARD", "{{resolve:ssm:/x}}")], "ack", *PROD)


_TEXT: Final = {"type": "string"}
_TEXTS: Final = {"type": "array", "items": _TEXT}


def _object(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": list(required)}


def _policies() -> dict[str, Any]:
    scope = _object(("type",), type={"enum": ["cluster", "namespace"]}, namespaces=_TEXTS)
    return {"type": "array", "items": _object(("policyARN", "accessScope"), policyARN=_TEXT, accessScope=scope)}


# After the definitions AccessConfig, AccessEntry, AccessPolicy and AccessScope of eksctl's schema.json (v1alpha5).
EKSCTL: Final = _object(
    ("apiVersion", "kind", "metadata"),
    apiVersion={"const": "eksctl.io/v1alpha5"},
    kind={"const": "ClusterConfig"},
    metadata=_object(("name", "region"), name=_TEXT, region=_TEXT),
    accessConfig=_object(
        accessEntries={
            "type": "array",
            "items": _object(
                ("principalARN",),
                principalARN=_TEXT,
                type=_TEXT,
                kubernetesGroups=_TEXTS,
                kubernetesUsername=_TEXT,
                accessPolicies=_policies(),
            ),
        }
    ),
)

# After the custom resource accessentries.eks.services.k8s.aws (v1alpha1), and the API server's rule for names.
ACK: Final = _object(
    ("apiVersion", "kind", "metadata", "spec"),
    apiVersion={"const": "eks.services.k8s.aws/v1alpha1"},
    kind={"const": "AccessEntry"},
    metadata=_object(
        ("name",),
        name={"type": "string", "pattern": r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "maxLength": 253},
        annotations={"type": "object", "additionalProperties": _TEXT},
    ),
    spec=_object(
        ("principalARN",),
        accessPolicies=_policies(),
        clusterName=_TEXT,
        kubernetesGroups=_TEXTS,
        principalARN=_TEXT,
        tags={"type": "object", "additionalProperties": _TEXT},
        type=_TEXT,
        username=_TEXT,
    ),
)


def test_eksctl_gets_a_config_file_by_its_schema() -> None:
    text = export(ALL, "eksctl", *PROD)
    found = yaml.safe_load(text)  # eksctl reads YAML
    Draft202012Validator(EKSCTL).validate(found)
    entries = {one["principalARN"]: one for one in found["accessConfig"]["accessEntries"]}
    assert entries[ODD.principal_arn]["kubernetesUsername"] == HOSTILE
    assert entries[NODES.principal_arn] == {"principalARN": NODES.principal_arn, "type": "EC2_LINUX"}
    assert found["metadata"] == {"name": "prod", "region": "eu-west-1"}


def test_ack_gets_objects_by_the_schema_of_its_custom_resource() -> None:
    found = yaml.safe_load(export(ALL, "ack", *PROD))
    for one in found["items"]:
        Draft202012Validator(ACK).validate(one)
        fields = json.loads(one["metadata"]["annotations"]["services.k8s.aws/adoption-fields"])
        assert fields == {"clusterName": "prod", "principalARN": one["spec"]["principalARN"]}
    names = [one["metadata"]["name"] for one in found["items"]]
    assert sorted(names) == ["ci", "ci-2", "entry-9-x", "nodes", "ops"]
    assert HOSTILE in {one["spec"].get("username") for one in found["items"]}


def test_the_commands_reach_the_aws_cli_as_they_are_meant(tmp_path: Path) -> None:
    """A fake ``aws`` writes down its arguments; what it would send is as boto3 takes it."""
    script = export(ALL, "aws-cli", *PROD)
    bash = shutil.which("bash") or "/bin/bash"
    checked = subprocess.run([bash, "-n"], input=script, text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
    fake = tmp_path / "aws"
    fake.write_text('#!/bin/sh\nprintf "%s\\0" "$@" >> "$OUT"; printf "\\n\\0" >> "$OUT"\n')
    fake.chmod(0o755)
    out = tmp_path / "out"
    environment = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "OUT": str(out)}
    for shell in (bash, "/bin/sh"):
        out.write_text("")
        subprocess.run([shell], input=script, text=True, env=environment, cwd=tmp_path, check=True)
        calls = [words.split("\0")[:-1] for words in out.read_text().split("\n\0")[:-1]]
        assert [words[1] for words in calls].count("create-access-entry") == len(ALL)
        given = [(words[1], json.loads(words[5])) for words in calls]
        assert all(words[:1] + words[2:5] == ["eks", "--region", "eu-west-1", "--cli-input-json"] for words in calls)
        odd = next(values for _, values in given if values["principalArn"] == ODD.principal_arn)
        assert (odd["username"], sorted(odd["kubernetesGroups"])) == (ODD.username, sorted(ODD.groups))
        associated = [values for command, values in given if command == "associate-access-policy"]
        assert {"type": "namespace", "namespaces": ["apps", "dev-*"]} in [one["accessScope"] for one in associated]
        # The entry comes before its policies.
        assert given.index(("associate-access-policy", associated[0])) > [
            values["principalArn"] for _, values in given
        ].index(associated[0]["principalArn"])


def test_the_commands_fit_the_api() -> None:
    """The JSON that the AWS CLI gets has the parameters of the API, in their types."""
    from botocore.loaders import Loader
    from botocore.model import ServiceModel
    from botocore.validate import ParamValidator

    model = ServiceModel(Loader().load_service_model("eks", "service-2"))
    operations = {"create-access-entry": "CreateAccessEntry", "associate-access-policy": "AssociateAccessPolicy"}
    for line in export([ADMIN, CI, NODES, TWIN], "aws-cli", *PROD).splitlines()[2:]:
        command, text = re.fullmatch(r"aws eks (\S+) --region eu-west-1 --cli-input-json '(.*)'", line).groups()  # type: ignore[union-attr]
        shape = model.operation_model(operations[command]).input_shape
        assert shape
        assert not ParamValidator().validate(json.loads(text), shape).has_errors()


def test_a_format_that_is_not_there_is_refused() -> None:
    wrong: Any = "pulumi"
    with pytest.raises(UsageError, match="not a format"):
        export(ALL, wrong, *PROD)
    assert all(export((), kind, *PROD) for kind in get_args(ExportFormat))


def test_what_eks_makes_by_itself_is_left_out() -> None:
    """Infrastructure code and EKS would change such an entry in turn."""

    def standing(arn: str, kind: str = "STANDARD", **tags: str) -> AccessEntry:
        return AccessEntry(f"{PREFIX}/{arn}", kind, tags={key.replace("_", "/"): value for key, value in tags.items()})

    # EKS makes no entry of type STANDARD for the role of a node group.
    mine = [ADMIN, standing("own", "EC2_LINUX"), standing("edge", "HYBRID_LINUX"), standing("people/mng")]
    theirs = [
        standing("mng", "EC2_LINUX"),
        standing("fargate", "FARGATE_LINUX"),
        standing("auto", "EC2"),
        standing("pods", "HYPERPOD_LINUX"),
        standing("aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch"),
        standing("me", awsauth_temporary="x"),
        standing("helped", **{"awsauth_temporary-policy": "x"}),
    ]
    assert own_entries([*mine, *theirs], [f"{PREFIX}/path/mng"]) == tuple(mine)


def test_the_group_of_a_change_on_its_way_is_left_out() -> None:
    bridged = replace(ADMIN, groups=("auditors", BRIDGE_GROUP))
    assert [entry.groups for entry in own_entries([bridged], ())] == [("auditors",)]


def test_the_same_entries_in_another_order_are_the_same_text() -> None:
    """So that only changes show up in a repository of infrastructure code."""
    turned = [
        replace(
            entry,
            groups=entry.groups[::-1],
            policies=tuple(replace(one, namespaces=one.namespaces[::-1]) for one in entry.policies[::-1]),
            tags=dict([*entry.tags.items()][::-1]),
        )
        for entry in reversed(ALL)
    ]
    for kind in get_args(ExportFormat):
        assert export(turned, kind, *PROD) == export(ALL, kind, *PROD)


def test_names_are_unique() -> None:
    arns = [f"arn:aws:iam::11112222333{count}:role/{name}" for count in range(3) for name in ("ci", "ci-2", "CI", "@")]
    found = export([AccessEntry(arn, "STANDARD", "x") for arn in arns], "ack", *PROD)
    names = [one["metadata"]["name"] for one in json.loads(found)["items"]]
    assert len(set(names)) == len(arns)
    assert all(re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name) for name in names)


def test_json_is_indented_by_two_spaces() -> None:
    assert export((), "eksctl", *PROD).startswith('{\n  "apiVersion"')
