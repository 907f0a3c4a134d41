"""A call is for exactly one aws-auth; what names none, two, or an empty one is refused before anything is contacted."""

from __future__ import annotations

from typing import Any

import pytest

import awsauth

ROLE = "arn:aws:iam::111122223333:role/mytestrole"


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ({"file": "a.yaml", "context": "kind-dev"}, "context= cannot be combined with file="),
        ({"file": "a.yaml", "cluster": "prod"}, "file= cannot be combined with cluster="),
        ({"cluster": "prod", "context": "kind-dev"}, "context= cannot be combined with cluster="),
        ({"region": "eu-west-1"}, "region= cannot be used without cluster="),
        ({"context": "kind-dev", "assume_role": "x"}, "assume_role= cannot be used without cluster="),
        ({"file": "a.yaml", "as_user": "jane"}, "as_user= cannot be combined with file="),
        ({"cluster": ""}, "cluster is empty"),
        ({"cluster": None}, "cluster is `None`"),
        ({"context": " "}, "context is empty"),
        ({"kubeconfig": ""}, "kubeconfig is empty"),
        ({"context": 7}, "context is `7`"),
        ({"as_groups": "system:masters"}, "as_groups is"),
        ({"as_groups": [""]}, "as_groups is"),
        ({"as_groups": None}, "as_groups is"),
        ({"file": "x", "policy": "policy.yaml"}, "policy is"),
    ],
)
def test_what_makes_no_sense_is_refused(target: Any, said: str) -> None:
    with pytest.raises(awsauth.UsageError, match=said) as caught:
        awsauth.connect(**target)
    assert caught.value.hint
    with pytest.raises(awsauth.UsageError, match=said):
        awsauth.add_role_mapping(ROLE, username="admin", **target)


def test_python_says_which_argument_does_not_exist() -> None:
    misspelt: dict[str, Any] = {"fil": "a.yaml"}
    for call in (awsauth.connect, awsauth.whoami, awsauth.health_check, awsauth.AwsAuthClient.from_file):
        with pytest.raises(TypeError, match=r"\w\(\) got an unexpected keyword argument 'fil'"):
            call(**misspelt)
