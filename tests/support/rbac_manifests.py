"""The rules of the RBAC manifests among the examples."""

from __future__ import annotations

from typing import Any, Final

import yaml

from awsauth.core.report.rbac import RbacRule
from awsauth.kube.rbac import CHANGER
from tests.support.paths import PROJECT

Rule = dict[str, Any]
FOLDER: Final = PROJECT / "examples" / "rbac"
NAMES: Final = ("reader", "editor", "pruner")
READER: Final = (
    RbacRule("get", "configmaps", "", "aws-auth", "kube-system"),
    *(RbacRule(verb, "controllerrevisions", "apps", "", "kube-system") for verb in ("get", "list")),
    *(
        RbacRule("list", f"{kind}{suffix}", "rbac.authorization.k8s.io")
        for suffix in ("bindings", "s")
        for kind in ("clusterrole", "role")
    ),
    RbacRule("list", "nodes"),
)
EDITOR: Final = (*READER, *CHANGER, RbacRule("create", "configmaps", "", "", "kube-system"))
PRUNER: Final = (
    RbacRule("get", "configmaps", "", "aws-auth", "kube-system"),
    *(RbacRule(verb, "controllerrevisions", "apps", "", "kube-system") for verb in ("list", "get", "delete")),
)
IN_CODE: Final = {"reader": READER, "editor": EDITOR, "pruner": PRUNER}


def manifest(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FOLDER / f"{name}.yaml").read_text(encoding="utf-8")))


def rules(name: str, kind: str) -> list[Rule]:
    """Return the rules of a manifest, one verb and one resource each."""
    return [
        {**rule, "resources": [resource], "verbs": [verb]}
        for role in manifest(name)
        if role["kind"] == kind
        for rule in role["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]
