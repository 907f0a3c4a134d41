"""The same job three ways: read the text of `mapRoles`, add one role, return the new text."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import yaml
from ruamel.yaml import YAML

import awsauth

if TYPE_CHECKING:
    from collections.abc import Callable

NEW_ENTRY = {
    "rolearn": "arn:aws:iam::111122223333:role/newcomer",
    "username": "newcomer",
    "groups": ["newcomers", "readers"],
}
CHANGE = awsauth.EnsureRole(
    role_arn="arn:aws:iam::111122223333:role/newcomer", username="newcomer", groups=["newcomers", "readers"]
)


def with_awsauth(text: str) -> str:
    """Read, splice, and read again to be sure; the change itself is made beforehand, as the others' entry is."""
    return awsauth.merge(awsauth.Document({"mapRoles": text}), [CHANGE]).data["mapRoles"]


def with_ruamel(text: str) -> str:
    """Keep comments, order and quotes, as a round trip of ruamel.yaml does."""
    round_trip = YAML(typ="rt")
    round_trip.preserve_quotes = True
    entries = round_trip.load(text)
    entries.append(NEW_ENTRY)
    out = io.StringIO()
    round_trip.dump(entries, out)
    return out.getvalue()


def with_pyyaml(text: str) -> str:
    """Keep the meaning only, with libyaml both ways."""
    entries = yaml.load(text, yaml.CSafeLoader)
    entries.append(NEW_ENTRY)
    dumped: str = yaml.dump(entries, Dumper=yaml.CSafeDumper, sort_keys=False)
    return dumped


CONTENDERS: dict[str, Callable[[str], str]] = {
    "awsauth": with_awsauth,
    "PyYAML (libyaml)": with_pyyaml,
    "ruamel.yaml": with_ruamel,
}


def document(entries: int, account: int) -> str:
    """Return a `mapRoles` as EKS and people write it: every tenth entry a node role, about 125 bytes each."""
    return "".join(_node_entry(n, account) if n % 10 == 0 else _team_entry(n, account) for n in range(entries))


def _node_entry(n: int, account: int) -> str:
    return (
        "- groups:\n  - system:bootstrappers\n  - system:nodes\n"
        f"  rolearn: arn:aws:iam::{account:012d}:role/nodegroup-{n:05d}-NodeInstanceRole\n"
        "  username: system:node:{{EC2PrivateDNSName}}\n"
    )


def _team_entry(n: int, account: int) -> str:
    return (
        f"- groups:\n  - team-{n:05d}-developers\n"
        f"  rolearn: arn:aws:iam::{account:012d}:role/team-{n:05d}-deployer\n"
        f"  username: team-{n:05d}\n"
    )
