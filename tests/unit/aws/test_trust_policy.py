"""Trust policies: who may hand a role to EC2 instances, and that nothing of a policy is lost."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, strategies as st

from awsauth.aws.trust_policy import ec2_service, letting_ec2_in, trust_in_ec2

EC2 = {"Service": "ec2.amazonaws.com"}
LAMBDA = {"Service": "lambda.amazonaws.com"}
EVERYBODY = {"AWS": "*"}


def statement(principal: Any, effect: str = "Allow", action: Any = "sts:AssumeRole", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Principal": principal, "Action": action, **more}


def policy(*statements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


SOURCE = {"StringEquals": {"aws:SourceAccount": "111122223333"}, "Bool": {"aws:SecureTransport": "true"}}


@pytest.mark.parametrize(
    "trusting",
    [
        policy(statement(EC2)),
        policy(statement({"Service": ["lambda.amazonaws.com", "ec2.amazonaws.com"], "AWS": "111122223333"})),
        {"Statement": statement(EC2)},
        policy(statement(EC2, action=["sts:TagSession", "STS:assumerole"])),
        policy(statement(EC2, action="sts:*")),
        policy(statement(EC2, action="*")),
        policy(statement(EC2, action="sts:Assume?ole")),
        policy(statement(LAMBDA, "Deny"), statement(EC2, Condition=SOURCE), statement(EC2)),
        policy(statement(EC2), statement(EVERYBODY, "Deny", action="sts:TagSession")),
    ],
    ids=["alone", "among others", "no list", "among actions", "sts", "all", "?", "other conditional", "other denied"],
)
def test_ec2_may_hand_out_the_role(trusting: Any) -> None:
    assert trust_in_ec2(trusting, "aws").verdict == "yes"


@pytest.mark.parametrize(
    "trusting",
    [
        policy(statement(LAMBDA)),
        policy(statement({"AWS": "ec2.amazonaws.com"})),
        policy(statement(EC2, action="sts:TagSession")),
        policy(statement(EC2, effect="allow")),
        policy(statement({"Service": "ec2.amazonaws.com.cn"})),
        policy({"Effect": "Allow", "Principal": EC2, "NotAction": "sts:AssumeRole"}),
        policy("sts:AssumeRole", None, {"Effect": "Allow"}),
        {},
        None,
        "text",
    ],
    ids=[
        "another service", "no service", "another action", "no effect", "China's", "not this action", "junk", "empty",
        "none", "text",
    ],
)  # fmt: skip
def test_ec2_may_not_hand_out_the_role(trusting: Any) -> None:
    assert trust_in_ec2(trusting, "aws").verdict == "no"


def test_conditions_are_named() -> None:
    trust = trust_in_ec2(policy(statement(EC2, Condition=SOURCE)), "aws")
    assert trust.verdict == "conditional"
    assert "aws:SecureTransport, aws:SourceAccount" in str(trust)


def test_a_denial_under_conditions_makes_it_conditional() -> None:
    org = {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}
    trust = trust_in_ec2(policy(statement(EC2), statement("*", "Deny", Condition=org)), "aws")
    assert (trust.verdict, trust.conditions) == ("conditional", ("aws:PrincipalOrgID",))


@pytest.mark.parametrize(
    "denial",
    [
        statement(EC2, "Deny"),
        statement("*", "Deny", action="sts:*"),
        statement({"AWS": ["*"]}, "Deny"),
        {"Effect": "Deny", "NotPrincipal": LAMBDA, "Action": "sts:AssumeRole"},
        {"Effect": "Deny", "Principal": "*", "NotAction": "sts:TagSession"},
    ],
)
def test_a_denial_counts_for_more(denial: Any) -> None:
    trust = trust_in_ec2(policy(statement(EC2), denial), "aws")
    assert trust.verdict == "denied"


def test_a_denial_of_all_but_ec2_is_none() -> None:
    but_ec2 = {"Effect": "Deny", "NotPrincipal": EC2, "Action": "sts:AssumeRole"}
    assert trust_in_ec2(policy(statement(EC2), but_ec2), "aws").verdict == "yes"


@pytest.mark.parametrize("principal", ["*", EVERYBODY, {"Service": "*"}])
def test_a_role_for_everybody_is_told_apart(principal: Any) -> None:
    assert trust_in_ec2(policy(statement(principal)), "aws").verdict == "everybody"


def test_china_has_a_service_of_its_own() -> None:
    """EKS refuses a node role there that only the other name may assume."""
    chinese = policy(statement({"Service": "ec2.amazonaws.com.cn"}))
    assert trust_in_ec2(chinese, "aws-cn").verdict == "yes"
    assert trust_in_ec2(policy(statement(EC2)), "aws-cn").verdict == "no"
    assert {ec2_service(partition) for partition in ("aws", "aws-us-gov", "aws-iso")} == {"ec2.amazonaws.com"}


JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
STATEMENTS = st.fixed_dictionaries(
    {"Effect": st.sampled_from(["Allow", "Deny", "x"])},
    optional={
        "Principal": st.sampled_from([EC2, LAMBDA, "*", EVERYBODY, {}]) | JSON,
        "NotPrincipal": st.sampled_from([EC2, LAMBDA]),
        "Action": st.sampled_from(["sts:AssumeRole", "*", ["sts:TagSession"]]) | JSON,
        "NotAction": st.just("sts:TagSession"),
        "Condition": st.just(SOURCE) | JSON,
        "Sid": st.text(max_size=5),
    },
)
POLICIES = st.fixed_dictionaries(
    {"Version": st.just("2008-10-17")},
    optional={"Statement": st.lists(STATEMENTS, max_size=4) | STATEMENTS, "Id": JSON},
)


@given(POLICIES, st.sampled_from(["aws", "aws-cn"]))
def test_one_statement_more_lets_ec2_in_and_touches_no_other(before: dict[str, Any], partition: str) -> None:
    """Law: what was there stays, in its order; and EC2 is let in, unless something denies it."""
    kept = copy.deepcopy(before)
    after = letting_ec2_in(before, partition)
    present = before.get("Statement", [])
    assert before == kept
    assert after["Statement"][:-1] == (present if isinstance(present, list) else [present])
    assert {key: value for key, value in after.items() if key != "Statement"} == {
        key: value for key, value in before.items() if key != "Statement"
    }
    assert trust_in_ec2(after, partition).verdict in ("yes", "conditional", "denied")


@given(JSON)
def test_anything_can_be_looked_at(junk: Any) -> None:
    assert trust_in_ec2({"Statement": junk}, "aws").verdict == "no"
    assert trust_in_ec2(letting_ec2_in(None, "aws"), "aws").verdict == "yes"
