"""What a kubeconfig starts for a token is recognized only where it is understood to the last word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from awsauth.aws.token import ExecIdentity, recognized

if TYPE_CHECKING:
    from collections.abc import Sequence

ROLE = "arn:aws:iam::111122223333:role/deployer"
AWS = ["eks", "get-token", "--cluster-name", "prod"]
AUTHENTICATOR = ["token", "-i", "prod"]


def stanza(command: str, args: Sequence[str], **more: Any) -> dict[str, Any]:
    """Return the ``exec`` part of a kubeconfig's user."""
    return {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": command, "args": list(args)} | more


def env(**variables: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in variables.items()]


RECOGNIZED: list[tuple[dict[str, Any], ExecIdentity]] = [
    # As `aws eks update-kubeconfig` writes it, from the oldest release to the newest.
    (stanza("aws", AWS), ExecIdentity("prod")),
    (
        stanza("aws", ["--region", "eu-west-1", *AWS, "--output", "json"], interactiveMode="IfAvailable"),
        ExecIdentity("prod", region="eu-west-1"),
    ),
    (
        stanza(
            "aws",
            ["--region", "eu-west-1", *AWS, "--output", "json", "--role-arn", ROLE],
            env=env(AWS_PROFILE="ops"),
            provideClusterInfo=False,
        ),
        ExecIdentity("prod", region="eu-west-1", profile="ops", role_arn=ROLE),
    ),
    (
        stanza("aws", ["--region", "eu-west-1", "eks", "get-token", "--cluster-id", "1234-5678", "--output", "json"]),
        ExecIdentity("1234-5678", region="eu-west-1"),
    ),
    (stanza("/usr/local/bin/aws", AWS, env=[], installHint="Install it."), ExecIdentity("prod")),
    (stanza("aws", AWS, env=None), ExecIdentity("prod")),
    # As people write it.
    (stanza("aws", ["--profile", "ops", *AWS]), ExecIdentity("prod", profile="ops")),
    (stanza("aws", [*AWS, "--profile=ops", "--region=cn-north-1"]), ExecIdentity("prod", "cn-north-1", "ops")),
    (stanza("aws", ["eks", "--region", "eu-west-1", *AWS[1:]]), ExecIdentity("prod", region="eu-west-1")),
    (stanza("aws", ["eks", "get-token", "--cluster-name=prod"]), ExecIdentity("prod")),
    (stanza("aws", AWS, env=env(AWS_REGION="eu-west-1")), ExecIdentity("prod", region="eu-west-1")),
    (stanza("aws", AWS, env=env(AWS_STS_REGIONAL_ENDPOINTS="regional")), ExecIdentity("prod")),
    (
        stanza("aws", ["--region", "eu-west-2", *AWS], env=env(AWS_REGION="eu-west-1")),
        ExecIdentity("prod", region="eu-west-2"),
    ),
    (stanza("aws", ["--profile", "ops", *AWS], env=env(AWS_PROFILE="other")), ExecIdentity("prod", profile="ops")),
    (stanza("aws-iam-authenticator", AUTHENTICATOR), ExecIdentity("prod")),
    (
        stanza("aws-iam-authenticator", [*AUTHENTICATOR, "-r", ROLE], env=env(AWS_PROFILE="ops")),
        ExecIdentity("prod", profile="ops", role_arn=ROLE),
    ),
    (
        stanza("aws-iam-authenticator", ["token", "--cluster-id", "prod", "--role", ROLE, "--region", "eu-west-1"]),
        ExecIdentity("prod", region="eu-west-1", role_arn=ROLE),
    ),
    (
        stanza("aws-iam-authenticator", [*AUTHENTICATOR, "-r", ROLE, "-s", "alice"]),
        ExecIdentity("prod", role_arn=ROLE, session_name="alice"),
    ),
]

LEFT_TO_THE_PROGRAM: dict[str, dict[str, Any]] = {
    "another program": stanza("gke-gcloud-auth-plugin", []),
    "a wrapper": stanza("aws-vault", ["exec", "ops", "--", "aws", *AWS]),
    "a program of another name": stanza("/opt/aws.sh", AWS),
    "one beside the kubeconfig": stanza("bin/aws", AWS),
    "the program's name in capitals": stanza("AWS", AWS),
    "a Windows path, which is a name here": stanza("C:\\aws", AWS),
    "another command": stanza("aws", ["eks", "list-clusters"]),
    "a command more": stanza("aws", [*AWS, "please"]),
    "no command": stanza("aws", ["--cluster-name", "prod"]),
    "no cluster": stanza("aws", ["eks", "get-token"]),
    "no value": stanza("aws", ["eks", "get-token", "--cluster-name"]),
    "an empty value": stanza("aws", ["eks", "get-token", "--cluster-name", ""]),
    "an empty value after =": stanza("aws", ["eks", "get-token", "--cluster-name="]),
    "an option for a value": stanza("aws", ["eks", "get-token", "--cluster-name", "--region"]),
    "an option too early": stanza("aws", ["--cluster-name", "prod", "eks", "get-token"]),
    "an endpoint": stanza("aws", [*AWS, "--endpoint-url", "https://sts.example.com"]),
    "no check of certificates": stanza("aws", [*AWS, "--no-verify-ssl"]),
    "an abbreviated option": stanza("aws", ["eks", "get-token", "--cluster", "prod"]),
    "debugging": stanza("aws", ["--debug", *AWS]),
    "a query": stanza("aws", [*AWS, "--query", "status"]),
    "output that is no JSON": stanza("aws", [*AWS, "--output", "text"]),
    "an option twice": stanza("aws", [*AWS, "--cluster-name", "other"]),
    "name and id": stanza("aws", [*AWS, "--cluster-id", "1234"]),
    "a value from a file": stanza("aws", [*AWS, "--role-arn", "file://role.txt"]),
    "an unknown key": stanza("aws", AWS, timeout=5),
    "an unknown version": stanza("aws", AWS) | {"apiVersion": "client.authentication.k8s.io/v2"},
    "no version": {"command": "aws", "args": AWS},
    "keys in the stanza": stanza("aws", AWS, env=env(AWS_ACCESS_KEY_ID="x")),
    "configuration elsewhere": stanza("aws", AWS, env=env(AWS_CONFIG_FILE="/etc/aws")),
    "another home": stanza("aws", AWS, env=env(HOME="/root")),
    "an empty variable": stanza("aws", AWS, env=env(AWS_PROFILE="")),
    "a variable twice": stanza("aws", AWS, env=[*env(AWS_PROFILE="a"), *env(AWS_PROFILE="b")]),
    "a variable with more to it": stanza("aws", AWS, env=[{"name": "AWS_PROFILE", "value": "a", "valueFrom": {}}]),
    "a variable that is no text": stanza("aws", AWS, env=[{"name": "AWS_PROFILE", "value": 1}]),
    "variables that are no list": stanza("aws", AWS, env={"AWS_PROFILE": "ops"}),
    "variables that are none": stanza("aws", AWS, env=["AWS_PROFILE=ops"]),
    "arguments that are a text": stanza("aws", []) | {"args": "eks get-token"},
    "arguments that are numbers": stanza("aws", []) | {"args": [1, 2]},
    "no program": stanza("aws", AWS) | {"command": None},
    "a cache": stanza("aws-iam-authenticator", [*AUTHENTICATOR, "--cache"]),
    "a session name from the session": stanza("aws-iam-authenticator", [*AUTHENTICATOR, "--forward-session-name"]),
    "an external id": stanza("aws-iam-authenticator", [*AUTHENTICATOR, "-e", "x"]),
    "the bare token": stanza("aws-iam-authenticator", [*AUTHENTICATOR, "--token-only"]),
    "a short option with its value": stanza("aws-iam-authenticator", ["token", "-iprod"]),
    "a short option with =": stanza("aws-iam-authenticator", ["token", "-i=prod"]),
    "the other program's words": stanza("aws-iam-authenticator", AWS),
    "the other program's options": stanza("aws", ["eks", "get-token", "-i", "prod"]),
    "nothing": {},
}


@pytest.mark.parametrize(("given_stanza", "identity"), RECOGNIZED)
def test_what_the_usual_tools_write_is_recognized(given_stanza: dict[str, Any], identity: ExecIdentity) -> None:
    assert recognized(given_stanza, {}) == identity


@pytest.mark.parametrize("message", LEFT_TO_THE_PROGRAM)
def test_what_is_not_understood_is_left_to_the_program(message: str) -> None:
    assert recognized(LEFT_TO_THE_PROGRAM[message], {}) is None


def test_a_profile_by_variable_does_not_win_over_keys_in_the_environment() -> None:
    # The AWS CLI would take the keys.
    by_variable = stanza("aws", AWS, env=env(AWS_PROFILE="ops"))
    by_option = stanza("aws", ["--profile", "ops", *AWS])
    environ = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE"}
    assert recognized(by_variable, environ) is None
    assert recognized(by_option, environ) == ExecIdentity("prod", profile="ops")


@pytest.mark.parametrize(
    ("environ", "is_recognized"),
    [
        ({"AWS_PROFILE": "ops"}, True),
        ({"AWS_PROFILE": "ops", "AWS_DEFAULT_PROFILE": "ops"}, True),
        ({"AWS_PROFILE": "ops", "AWS_DEFAULT_PROFILE": "other"}, False),
        ({"AWS_DEFAULT_PROFILE": "other"}, False),
    ],
)
def test_two_variables_that_name_different_profiles_are_left_to_the_program(
    environ: dict[str, str], *, is_recognized: bool
) -> None:
    assert (recognized(stanza("aws", AWS), environ) is not None) == is_recognized
    assert recognized(stanza("aws", [*AWS, "--profile", "mine"]), environ) == ExecIdentity("prod", profile="mine")


def test_a_role_that_the_authenticator_takes_from_the_environment_is_left_to_it() -> None:
    environ = {"DEFAULT_ROLE": ROLE}
    assert recognized(stanza("aws-iam-authenticator", AUTHENTICATOR), environ) is None
    assert recognized(stanza("aws", AWS), environ) == ExecIdentity("prod")


WORDS = st.sampled_from([
    "aws", "eks", "get-token", "token", "--cluster-name", "--cluster-id", "-i", "-r", "--role-arn", "--region", "--profile",
    "--output", "json", "prod", "eu-west-1", ROLE, "--endpoint-url", "--debug", "", "-", "--", "=", "--region=eu-west-1",
])  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(["aws", "aws-iam-authenticator"]), st.lists(WORDS, max_size=9))
def test_whatever_is_recognized_has_every_argument_in_what_was_understood(command: str, args: list[str]) -> None:
    identity = recognized(stanza(command, args), {})
    if identity is None:
        return
    told = {identity.cluster_id, identity.region, identity.profile, identity.role_arn, identity.session_name, "json"}
    flags = {"--cluster-name", "--cluster-id", "-i", "-r", "--role-arn", "--region", "--profile", "--output"}
    words = {"eks", "get-token"} if command == "aws" else {"token"}
    assert {arg for arg in args if "=" not in arg} <= told | flags | words


@given(
    st.dictionaries(
        st.sampled_from(["apiVersion", "command", "args", "env", "installHint", "other"]), VALUES, max_size=6
    )
)
def test_no_stanza_is_too_strange_to_be_left_to_the_program(strange: dict[str, Any]) -> None:
    assert recognized(strange, {}) is None
