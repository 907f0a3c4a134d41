"""The RBAC manifests among the examples hold the rules that the code names."""

from __future__ import annotations

import pytest

from awsauth.core.report.rbac import RbacRule
from tests.support.rbac_manifests import IN_CODE, NAMES, rules


@pytest.mark.parametrize("name", NAMES)
def test_a_manifest_holds_the_rules_that_the_code_names(name: str) -> None:
    in_manifest = [
        RbacRule(
            rule["verbs"][0],
            rule["resources"][0],
            rule["apiGroups"][0],
            rule.get("resourceNames", [""])[0],
            "kube-system" if kind == "Role" else "",
        )
        for kind in ("Role", "ClusterRole")
        for rule in rules(name, kind)
    ]
    assert len(in_manifest) == len(IN_CODE[name])
    assert set(in_manifest) == set(IN_CODE[name])
