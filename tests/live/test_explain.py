"""What `explain` says of a caller is what the API server gives to a new token of that caller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest

from awsauth.core.access.caller import Caller
from awsauth.core.access.matching import INSTANCES_ONLY
from awsauth.core.document.document import Document
from awsauth.core.explain.explain import explain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.controlplane.aws import AwsCredentials
    from tests.support.controlplane.cluster import Cluster, Identity

ACCOUNT: Final = "123456789012"
OTHER_ACCOUNT: Final = "012345678901"
ROLE: Final = f"arn:aws:iam::{ACCOUNT}:role"
USER: Final = f"arn:aws:iam::{ACCOUNT}:user"
SSO: Final = "AWSReservedSSO_Admin_0123456789abcdef"
SSO_PATH: Final = "aws-reserved/sso.amazonaws.com/eu-west-1"
BOB: Final = "bob@example.com"


@dataclass(frozen=True, slots=True)
class Case:
    """One ``aws-auth`` and one caller.

    Attributes:
        name: What it is about.
        who: ``role/[PATH/]NAME`` or ``user/[PATH/]NAME``.
        gets_in: Whether it is let in; so that not both may be wrong in the same way.
        roles: Of ``mapRoles``.
        users: Of ``mapUsers``; whoever shows that the cluster has read all of it is added.
        more: Of other data keys.
        session: The name of a role's session.
        account: The caller's.
    """

    name: str
    who: str
    authenticates: bool
    roles: str = "[]\n"
    users: str = ""
    more: tuple[tuple[str, str], ...] = ()
    session: str = "tests"
    account: str = ACCOUNT


def entry(arn: str, rest: str = "username: ci\n  groups: [devs, viewers]", key: str = "rolearn") -> str:
    return f"- {key}: {arn}\n  {rest}\n"


def accounts(text: str) -> tuple[tuple[str, str], ...]:
    return (("mapAccounts", text),)


def cases() -> Iterator[Case]:
    """Yield a case for each rule."""
    yield from _matching()
    yield from _templates()
    yield from _reading()


def _matching() -> Iterator[Case]:
    yield Case("role-with-path-mapped-without", "role/team/ci", True, entry(f"{ROLE}/ci"))
    yield Case("role-with-path-mapped-with-it", "role/team/ci", False, entry(f"{ROLE}/team/ci"))
    yield Case("sso-role-without-path", f"role/{SSO_PATH}/{SSO}", True, entry(f"{ROLE}/{SSO}"), session=BOB)
    yield Case("sso-role-with-path", f"role/{SSO_PATH}/{SSO}", False, entry(f"{ROLE}/{SSO_PATH}/{SSO}"), session=BOB)
    sso = f"- sso: {{permissionSetName: Admin, accountID: '{ACCOUNT}'}}\n  username: ci\n"
    yield Case("sso-entry-is-off", f"role/{SSO_PATH}/{SSO}", False, sso, session=BOB)
    user = "userarn"
    yield Case("user-with-path-mapped-with-it", "user/ops/path-a", True, users=entry(f"{USER}/ops/path-a", key=user))
    yield Case("user-with-path-mapped-without", "user/ops/path-b", False, users=entry(f"{USER}/path-b", key=user))
    yield Case("letter-case-is-ignored", "role/ci", True, entry(f"{ROLE}/CI"))
    yield Case("session-arn", "role/ci", False, entry(f"arn:aws:sts::{ACCOUNT}:assumed-role/ci/tests"))
    yield Case("space-behind-the-arn", "role/ci", False, entry(f"'{ROLE}/ci '"))
    yield Case("wildcard", "role/ci", False, entry(f"'{ROLE}/*'"))
    yield Case("last-duplicate-counts", "role/ci", True, entry(f"{ROLE}/ci", "username: a") + entry(f"{ROLE}/CI"))
    yield Case("user-among-roles", "user/among-roles", True, entry(f"{USER}/among-roles"))
    yield Case("role-among-users", "role/ci", True, users=entry(f"{ROLE}/ci", key=user))
    both = entry(f"{ROLE}/ci", "username: by-role")
    yield Case("roles-before-users", "role/ci", True, both, entry(f"{ROLE}/ci", key=user), accounts(f"['{ACCOUNT}']"))
    yield Case("account-of-a-role", "role/team/ci", True, more=accounts(f"- '{ACCOUNT}'"))
    yield Case("account-of-a-user", "user/ops/of-account", True, more=accounts(f"- '{ACCOUNT}'"))
    unquoted = accounts(f"- {OTHER_ACCOUNT}\n")
    yield Case("account-of-digits-without-quotes", "role/ci", True, more=unquoted, account=OTHER_ACCOUNT)
    yield Case("account-that-is-no-list", "role/ci", False, more=accounts(f"'{ACCOUNT}'"))


def _templates() -> Iterator[Case]:
    session = entry(f"{ROLE}/ci", 'username: "a:{{SessionName}}"\n  groups: ["g:{{SessionName}}"]')
    raw = entry(f"{ROLE}/ci", 'username: "a:{{SessionNameRaw}}"\n  groups: ["g:{{AccountID}}"]')
    yield Case("session-name-without-at", "role/ci", True, session, session=BOB)
    yield Case("session-name-raw", "role/ci", True, raw, session=BOB)
    of_user = entry(f"{USER}/no-session", 'username: "u:{{SessionName}}:{{AccountID}}"', "userarn")
    yield Case("users-have-no-session-name", "user/no-session", True, users=of_user)
    yield Case("access-key-id", "role/ci", True, entry(f"{ROLE}/ci", 'username: "key:{{AccessKeyID}}"'))
    misspelt = entry(f"{ROLE}/ci", 'username: "a:{{sessionname}}:{{ SessionName }}"')
    yield Case("misspelt-templates-stay", "role/ci", True, misspelt)
    node = entry(f"{ROLE}/ci", "username: system:node:{{EC2PrivateDNSName}}\n  groups: [system:nodes]")
    yield Case("dns-name-of-an-instance", "role/ci", True, node, session="INSTANCE")
    yield Case("dns-name-of-somebody-else", "role/ci", False, node, session=BOB)
    fargate = entry(f"{ROLE}/ci", "username: system:node:{{SessionName}}\n  groups: [system:node-proxier]")
    yield Case("fargate", "role/ci", True, fargate, session="fargate-ip-10-0-1-2")


def _reading() -> Iterator[Case]:
    ci = entry(f"{ROLE}/ci")
    yield Case("key-in-other-letters", "role/ci", False, more=(("maproles", ci),))
    yield Case("fields-in-other-letters", "role/ci", True, entry(f"{ROLE}/ci", "UserName: ci", "RoLeArN"))
    twice = entry(f"{ROLE}/ci", f"roleARN: {ROLE}/other\n  username: ci")
    yield Case("lower-case-field-wins", "role/ci", True, twice)
    yield Case("repeated-field", "role/ci", True, entry(f"{ROLE}/ci", "username: a\n  username: b"))
    yield Case("username-that-is-a-number", "role/ci", True, entry(f"{ROLE}/ci", "username: 123\n  groups: [devs]"))
    yield Case("username-that-is-yes", "role/ci", True, entry(f"{ROLE}/ci", "username: yes"))
    yield Case("groups-that-are-no-list", "role/ci", True, entry(f"{ROLE}/ci", "username: ci\n  groups: devs"))
    yield Case("group-that-is-a-number", "role/ci", True, entry(f"{ROLE}/ci", "username: ci\n  groups: [1, devs]"))
    joined = entry(f"{ROLE}/ci", "username: ci\n  groups:\n  - devs\n   - viewers")
    yield Case("groups-that-join", "role/ci", True, joined)
    yield Case(
        "unquoted-template-kills-the-key", "role/ci", False, ci + entry(f"{ROLE}/x", "username: {{SessionName}}")
    )
    yield Case("neither-arn-nor-sso", "role/ci", True, "- username: nobody\n" + ci)
    yield Case("second-document", "role/ci", False, f"[]\n---\n{ci}")
    anchored = f"- &x\n  rolearn: {ROLE}/x\n  username: ci\n  groups: [devs]\n- <<: *x\n  rolearn: {ROLE}/ci\n"
    yield Case("anchors", "role/ci", True, anchored)
    yield Case("json", "role/ci", True, f'[{{"rolearn": "{ROLE}/ci", "username": "ci"}}]')


CASES: Final = tuple(cases())


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_new_token_gets_what_is_explained(cluster: Cluster, case: Case) -> None:
    credentials = _credentials(cluster, case)
    beacon = cluster.aws.create_user(f"beacon-{case.name}")
    users = case.users + entry(beacon.arn, f"username: {beacon.arn}", "userarn")
    data = {"mapRoles": case.roles, "mapUsers": users, **dict(case.more)}
    cluster.put_aws_auth(data)
    cluster.await_identity(
        lambda: cluster.eks_token(beacon), lambda who: who is not None and who.username == beacon.arn
    )
    explanation = explain(Document(data), Caller(credentials.arn, access_key_id=credentials.access_key))
    given = cluster.identity(cluster.eks_token(credentials))
    assert (given is not None, explanation.verdict in ("let-in", "depends")) == (
        case.authenticates,
        case.authenticates,
    ), given
    if given is not None:
        [outcome] = explanation.outcomes
        assert outcome.unresolved == ((INSTANCES_ONLY,) if case.session == "INSTANCE" else ())
        assert _shown(given) == (_filled(outcome.username, given), tuple(outcome.groups))


def test_a_config_map_that_is_deleted_lets_nobody_in(cluster: Cluster) -> None:
    credentials = cluster.aws.assume_role("ci")
    cluster.put_aws_auth({"mapRoles": entry(f"{ROLE}/ci")})
    cluster.await_identity(lambda: cluster.eks_token(credentials), lambda who: who is not None)
    cluster.delete_aws_auth()
    cluster.await_identity(lambda: cluster.eks_token(credentials), lambda who: who is None)
    assert explain(Document({}), credentials.arn).verdict == "not-mapped"


def _credentials(cluster: Cluster, case: Case) -> AwsCredentials:
    kind, _, rest = case.who.partition("/")
    path, _, name = f"/{rest}".rpartition("/")
    if kind == "user":
        return cluster.aws.create_user(name, path=f"{path}/")
    session = _instance(cluster) if case.session == "INSTANCE" else case.session
    return cluster.aws.assume_role(f"arn:aws:iam::{case.account}:{case.who}", session_name=session)


def _instance(cluster: Cluster) -> str:
    """Start an instance and return its id."""
    ec2: Any = cluster.aws.client("ec2")
    started = ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1)["Instances"][0]
    return str(started["InstanceId"])


def _shown(given: Identity) -> tuple[str, tuple[str, ...]]:
    return given.username, given.groups


def _filled(username: str, given: Identity) -> str:
    """Return a username with the instance's name in it, which EC2 alone knows."""
    before, marker, after = username.partition(INSTANCES_ONLY)
    if not marker:
        return username
    name = given.username.removeprefix(before).removesuffix(after)
    assert name.startswith("ip-")
    return f"{before}{name}{after}"
