"""Access entries as infrastructure code, in the formats of several tools.

All formats but the commands are JSON, so that no value can be taken for syntax. Entries that EKS manages are left out:
EKS and the tool would change them in turn.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from itertools import count
from operator import attrgetter
from typing import Any, Final, Literal, get_args

from awsauth.core.access.matching import principal_of
from awsauth.core.arn import SERVICE_LINKED
from awsauth.core.entries.model import AccessEntry, unbridged
from awsauth.core.text.display import command_line, quoted, quoted_value
from awsauth.errors import InvalidValueError, UsageError

# The formats. For Terraform: resources, or the ``access_entries`` of the module terraform-aws-modules/eks.
ExportFormat = Literal["terraform", "terraform-module", "cloudformation", "eksctl", "ack", "aws-cli"]

# The types of entries that EKS or another service makes.
_SERVICES: Final = frozenset({"FARGATE_LINUX", "EC2", "HYPERPOD_LINUX"})

# CloudFormation replaces a value with this text, and no escape prevents it.
_RESOLVED: Final = "{{resolve:"

_POLICY: Final = "policyARN accessScope type namespaces"  # the names of eksctl and ACK for a policy


def own_entries(entries: Iterable[AccessEntry], node_group_roles: Iterable[str]) -> tuple[AccessEntry, ...]:
    """Return the entries that no service manages, without temporary ones.

    Args:
        entries: The entries.
        node_group_roles: The roles of all node groups of EKS.
    """
    managed = frozenset(map(principal_of, node_group_roles))

    def is_own(entry: AccessEntry) -> bool:
        if entry.type in _SERVICES or (entry.type.startswith("EC2_") and entry.principal in managed):
            return False
        return not (SERVICE_LINKED in entry.principal_arn or entry.is_temporary or entry.has_temporary_policy)

    return tuple(entry for entry in map(unbridged, entries) if entry and is_own(entry))


def export(entries: Iterable[AccessEntry], kind: ExportFormat, cluster: str, region: str) -> str:
    """Return existing entries in a format.

    Args:
        entries: The entries.
        kind: The format.
        cluster: The name of the cluster in EKS.
        region: Its region.

    Raises:
        InvalidValueError: the format cannot express a value.
        UsageError: there is no such format.
    """
    if kind not in get_args(ExportFormat):
        raise UsageError(f"{quoted_value(kind)} is not a format.", hint=f"The formats are {', '.join(_FORMATS)}.")
    made = _FORMATS[kind](sorted(entries, key=lambda entry: entry.principal_arn), cluster, region)
    text = made if isinstance(made, str) else json.dumps(made, indent=2) + "\n"
    if kind == "cloudformation" and _RESOLVED in text:
        hint = "Choose another format, or change the username, group or tag with this text."
        raise InvalidValueError(f"CloudFormation would replace {quoted(_RESOLVED)} in an access entry.", hint=hint)
    # Terraform reads a template in every string. Names that this module makes have no `{`.
    return re.sub(r"([$%])\{", r"\1\1{", text) if kind.startswith("terraform") else text


def _terraform(entries: Sequence[AccessEntry], cluster: str, _: str) -> Any:
    made, associations, imports = {}, {}, []
    for name, fields in _terraform_entries(entries).items():
        arn, address = fields["principal_arn"], f"aws_eks_access_entry.{name}"
        imports.append({"to": address, "id": f"{cluster}:{arn}"})
        for policy, given in fields.pop("policy_associations").items():
            of_entry = {"cluster_name": cluster, "principal_arn": arn, "depends_on": [address]}
            associations[f"{name}_{policy}"] = of_entry | given
            known = f"{cluster}#{arn}#{given['policy_arn']}"
            imports.append({"to": f"aws_eks_access_policy_association.{name}_{policy}", "id": known})
        made[name] = {"cluster_name": cluster, **fields}
    resources = {"aws_eks_access_entry": made, "aws_eks_access_policy_association": associations}
    return {"resource": resources, "import": imports}


def _terraform_module(entries: Sequence[AccessEntry], *_: str) -> Any:
    return {"locals": {"access_entries": _terraform_entries(entries)}}


def _terraform_entries(entries: Sequence[AccessEntry]) -> dict[str, dict[str, Any]]:
    names = "principal_arn type user_name kubernetes_groups tags policies policy_arn access_scope type namespaces"
    found = {name: _fields(entry, names) for name, entry in _named(entries, "_").items()}
    for fields in found.values():
        policies = {one["policy_arn"].rpartition("/")[2]: one for one in fields.pop("policies", ())}
        fields["policy_associations"] = policies
    return found


def _cloudformation(entries: Sequence[AccessEntry], cluster: str, _: str) -> Any:
    names = "PrincipalArn Type Username KubernetesGroups Tags AccessPolicies PolicyArn AccessScope Type Namespaces"
    # CloudFormation imports only resources that it would keep.
    kept = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
    resources = {}
    for name, entry in _named(entries, "").items():
        properties = {"ClusterName": cluster, **_fields(entry, names)}
        if tags := properties.get("Tags"):
            properties["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
        resources[name] = {"Type": "AWS::EKS::AccessEntry", **kept, "Properties": properties}
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}


def _eksctl(entries: Sequence[AccessEntry], cluster: str, region: str) -> Any:
    names = f"principalARN type kubernetesUsername kubernetesGroups - accessPolicies {_POLICY}"
    return {
        "apiVersion": "eksctl.io/v1alpha5",
        "kind": "ClusterConfig",
        "metadata": {"name": cluster, "region": region},
        "accessConfig": {"accessEntries": [_fields(entry, names) for entry in entries]},
    }


def _ack(entries: Sequence[AccessEntry], cluster: str, _: str) -> Any:
    names = f"principalARN type username kubernetesGroups tags accessPolicies {_POLICY}"
    kind = {"apiVersion": "eks.services.k8s.aws/v1alpha1", "kind": "AccessEntry"}
    items = []
    for name, entry in _named(entries, "-").items():
        fields = json.dumps({"clusterName": cluster, "principalARN": entry.principal_arn})
        adopt = {"adoption-policy": "adopt-or-create", "adoption-fields": fields}
        metadata = {"name": name, "annotations": {f"services.k8s.aws/{key}": value for key, value in adopt.items()}}
        items.append({**kind, "metadata": metadata, "spec": {"clusterName": cluster, **_fields(entry, names)}})
    return {"apiVersion": "v1", "kind": "List", "items": items}


def _aws_cli(entries: Sequence[AccessEntry], cluster: str, region: str) -> str:
    names = "principalArn type username kubernetesGroups tags policies policyArn accessScope type namespaces"

    def call(command: str, **given: Any) -> str:
        # As an option, a value that begins with `file://` would be read from that file.
        text = json.dumps({"clusterName": cluster, **given})
        return command_line("aws", "eks", command, "--region", region, "--cli-input-json", text)

    lines = ["#!/bin/sh", "set -eu"]
    for entry in entries:
        given = _fields(entry, names)
        policies = given.pop("policies", ())
        lines.append(call("create-access-entry", **given))
        lines += [call("associate-access-policy", principalArn=entry.principal_arn, **one) for one in policies]
    return "\n".join(lines) + "\n"


_MAKERS: Final = (_terraform, _terraform_module, _cloudformation, _eksctl, _ack, _aws_cli)
_FORMATS: Final = dict(zip(get_args(ExportFormat), _MAKERS, strict=True))


def _fields(entry: AccessEntry, names: str) -> dict[str, Any]:
    """Return an entry by the names of a tool, without empty values.

    The first six names are those of principal, type, username, groups, tags and policies. The others are those of a
    policy's ARN, scope, type of scope and namespaces. The tool has no value of the name ``-``.
    """
    arn, kind, username, groups, tags, policies, policy_arn, scope, scope_kind, namespaces = names.split()
    fields: dict[str, Any] = {arn: entry.principal_arn, kind: entry.type}
    if not entry.lets_nodes_in:  # EKS sets both for nodes
        fields |= {username: entry.username, groups: sorted(entry.groups)}
    # AWS alone can set the other tags.
    fields[tags] = {key: value for key, value in sorted(entry.tags.items()) if not key.startswith("aws:")}
    fields[policies] = []
    for one in sorted(entry.policies, key=attrgetter("policy_arn")):
        limited = {namespaces: sorted(one.namespaces)} if one.namespaces else {}
        scoped = {scope_kind: "namespace" if limited else "cluster", **limited}
        fields[policies].append({policy_arn: one.policy_arn, scope: scoped})
    return {name: value for name, value in fields.items() if value and name != "-"}


def _named(entries: Sequence[AccessEntry], separator: str) -> dict[str, AccessEntry]:
    """Return the entries by unique names of letters, digits and separators."""
    named: dict[str, AccessEntry] = {}
    for entry in entries:
        words = re.findall("[a-z0-9]+", entry.principal_arn.rpartition("/")[2].lower())
        first = separator.join(words if words and words[0][0].isalpha() else ["entry", *words])
        others = (f"{first}{separator}{number}" for number in count(2))
        named[first if first not in named else next(one for one in others if one not in named)] = entry
    return named
