"""The report of the health check, and its advice."""

from __future__ import annotations

import pytest

import awsauth
from awsauth.api import health_check
from awsauth.client import AwsAuthClient
from awsauth.core.access.caller import Caller
from awsauth.core.entries.model import EntriesState
from awsauth.core.explain.explain import add_entries
from awsauth.core.report.rbac import RbacRule
from awsauth.errors import UsageError
from awsauth.health.checks import EksTarget, unknown
from awsauth.kube.rbac import rule_of


def test_there_is_nothing_to_check_without_a_cluster() -> None:
    with pytest.raises(UsageError, match="no cluster"):
        AwsAuthClient.in_memory().health_check()
    with pytest.raises(UsageError):
        health_check(cluster="", may=[])


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("list nodes", RbacRule("list", "nodes")),
        ("create deployments.apps in web", RbacRule("create", "deployments", "apps", "", "web")),
        ("get pods/log", RbacRule("get", "pods/log")),
        ("update deployments.apps/scale in a-b", RbacRule("update", "deployments/scale", "apps", "", "a-b")),
        ("* *", RbacRule("*", "*", "*")),
    ],
)
def test_what_may_be_needed_is_read_and_shown_alike(text: str, rule: RbacRule) -> None:
    assert rule_of(text) == rule
    assert str(rule) == text


def test_a_wrong_clock_comes_first_in_the_advice() -> None:
    caller = Caller("arn:aws:sts::111122223333:assumed-role/worker/laptop")
    error = unknown(caller, EksTarget("prod", "eu-west-1"), None, "20 minutes behind")
    assert "clock is 20 minutes behind" in error.message
    assert "Set the clock" in error.hint


def test_a_mapping_that_is_there_already_is_not_advised_again() -> None:
    document = awsauth.Document({"mapRoles": "- rolearn: arn:aws:iam::111122223333:role/worker\n  username: w\n"})
    caller = Caller("arn:aws:sts::111122223333:assumed-role/worker/laptop")
    error = unknown(caller, EksTarget("prod", "eu-west-1"), awsauth.explain(document, caller), "")
    assert "aws-auth does map it (mapRoles line 1, column 12)" in error.message
    assert "add_role_mapping" not in error.hint


def test_a_caller_with_an_access_entry_is_told_about_a_role_that_was_made_anew() -> None:
    caller = Caller("arn:aws:sts::111122223333:assumed-role/worker/laptop")
    entry = awsauth.AccessEntry("arn:aws:iam::111122223333:role/team/worker", "STANDARD", "w")
    found = add_entries(awsauth.explain(awsauth.Document({}), caller), EntriesState("API", (entry,)))
    error = unknown(caller, EksTarget("prod", "eu-west-1"), found, "")
    assert error.message.endswith("(401). It has an access entry.")
    assert "created again" in error.hint
    assert "entry-stale" in error.hint
