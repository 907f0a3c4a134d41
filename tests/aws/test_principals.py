"""From what somebody calls a role to its ARN: names, ARNs, permission sets; and what IAM says about it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from awsauth.aws import iam
from awsauth.aws.iam import find_sso_role, list_sso_roles, resolve_role
from awsauth.core.arn import permission_set, sso_role
from awsauth.core.cluster.findings import maps_sso_roles, replaced_sso_roles
from awsauth.core.document.document import Document
from awsauth.core.edit.changes import RemoveRole, RenamePrincipal
from awsauth.core.edit.merge import merge
from awsauth.core.findings import Severity
from awsauth.errors import AwsAuthError, AwsPermissionError, InvalidValueError, RoleError, UsageError
from tests.support.aws.aws_account import NUMBER, ROLE, AwsAccount, aws_account

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.findings import Finding

SSO_PATH = "/aws-reserved/sso.amazonaws.com/eu-west-1/"
OLD, NEW, NEWER = "0123456789abcdef", "fedcba9876543210", "00000000ffffffff"


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsAccount]:
    with aws_account(monkeypatch) as account:
        yield account


def sso(permission_set: str, suffix: str) -> str:
    return f"AWSReservedSSO_{permission_set}_{suffix}"


def codes(findings: tuple[Finding, ...]) -> list[tuple[str, Severity]]:
    return [(finding.code, finding.severity) for finding in findings]


# Names and ARNs of roles.


@pytest.mark.parametrize("path", ["/", "/team/ci/"])
def test_a_name_becomes_the_arn_that_aws_auth_needs(account: AwsAccount, path: str) -> None:
    account.role("mytestrole", path=path)
    arn, findings = resolve_role("mytestrole", account.asking)
    assert (arn, findings) == (f"{ROLE}/mytestrole", ())
    assert account.sent == ["GetRole"]


@pytest.mark.parametrize(
    "arn",
    [
        f"{ROLE}/mytestrole",
        f"{ROLE}/team/mytestrole",
        f"arn:aws:sts::{NUMBER}:assumed-role/mytestrole/i-0123456789abcdef0",
    ],
)
def test_an_arn_is_looked_up_as_well(account: AwsAccount, arn: str) -> None:
    account.role("mytestrole", path="/team/")
    arn, findings = resolve_role(arn, account.asking)
    assert (arn, findings) == (f"{ROLE}/mytestrole", ())


def test_a_name_that_may_not_be_looked_up_is_taken_on_trust(account: AwsAccount) -> None:
    account.deny("iam:GetRole")
    arn, findings = resolve_role("mytestrole", account.asking)
    assert arn == f"{ROLE}/mytestrole"
    assert codes(findings) == [("role-not-checked", Severity.NOTE)]
    assert "IAM does not allow iam:GetRole" in str(findings[0])


@pytest.mark.parametrize("denied", ["iam:GetRole", "sts:GetCallerIdentity"])
def test_an_arn_that_may_not_be_looked_up_is_no_failure(account: AwsAccount, denied: str) -> None:
    account.deny(denied)
    arn, findings = resolve_role(f"{ROLE}/mytestrole", account.asking, for_ec2=True)
    assert arn == f"{ROLE}/mytestrole"
    assert codes(findings) == [("role-not-checked", Severity.NOTE)]
    assert denied in findings[0].impact


def test_an_arn_of_another_account_is_not_looked_up(account: AwsAccount) -> None:
    _, findings = resolve_role("arn:aws:iam::999999999999:role/mytestrole", account.asking)
    assert codes(findings) == [("role-not-checked", Severity.NOTE)]
    assert f"another account than the caller: {NUMBER}" in str(findings)
    assert account.sent == ["GetCallerIdentity"]


@pytest.mark.parametrize(("known", "sent"), [(NUMBER, []), ("", ["GetCallerIdentity"])])
def test_sts_is_not_asked_for_an_account_that_is_known(account: AwsAccount, known: str, sent: list[str]) -> None:
    other = "arn:aws:iam::999999999999:role/mytestrole"
    _, [finding] = resolve_role(other, account.asking, account=lambda: known)
    assert f"another account than the caller: {NUMBER}" in str(finding)
    assert account.sent == sent


def test_a_name_of_no_role_is_refused_with_similar_ones(account: AwsAccount) -> None:
    account.role("mytestrole", path="/team/")
    account.role("unrelated")
    with pytest.raises(RoleError, match=f"no role `mytestroel` in account {NUMBER}") as error:
        resolve_role("mytestroel", account.asking)
    assert "similar name: `mytestrole`." in error.value.hint
    assert "unrelated" not in str(error.value)
    with pytest.raises(RoleError) as other:
        resolve_role("MYTESTROLE", account.asking)
    assert "`mytestrole`" in other.value.hint


def test_a_name_of_no_role_is_refused_without_the_right_to_list(account: AwsAccount) -> None:
    account.role("mytestrole")
    account.deny("iam:ListRoles")
    with pytest.raises(RoleError) as error:
        resolve_role("mytestroel", account.asking)
    assert "similar" not in str(error.value)


def test_an_arn_of_no_role_is_a_warning(account: AwsAccount) -> None:
    """Whoever maps by ARN may make the role later."""
    account.role("mytestrole")
    arn, findings = resolve_role(f"{ROLE}/mytestroel", account.asking)
    assert arn == f"{ROLE}/mytestroel"
    assert codes(findings) == [("role-missing", Severity.WARNING)]
    assert "`mytestrole`" in findings[0].hint


@pytest.mark.parametrize("arn", ["arn:aws:iam::123456789012:user/anna", "arn:aws:s3:::bucket", "arn:"])
def test_what_is_no_role_is_refused_before_anything_is_asked(account: AwsAccount, arn: str) -> None:
    with pytest.raises(InvalidValueError):
        resolve_role(arn, account.asking)
    assert account.sent == []


@pytest.mark.parametrize("name", ["", "team/mytestrole", "role mytestrole", None, 3])
def test_what_is_neither_a_name_nor_an_arn_is_refused(account: AwsAccount, name: Any) -> None:
    with pytest.raises(UsageError, match="is not the name of a role") as error:
        resolve_role(name, account.asking)
    assert "Or pass an ARN" in error.value.hint


def test_without_an_account_a_name_is_nothing(account: AwsAccount) -> None:
    account.deny("iam:GetRole", "sts:GetCallerIdentity")
    with pytest.raises(AwsPermissionError, match="sts:GetCallerIdentity"):
        resolve_role("mytestrole", account.asking)


# Whether an EC2 instance can wear it.


def test_a_role_for_ec2_passes(account: AwsAccount) -> None:
    account.role("mytestrole")
    assert resolve_role("mytestrole", account.asking, for_ec2=True)[1] == ()


def test_a_role_that_no_instance_can_wear_is_a_warning(account: AwsAccount) -> None:
    account.role("mytestrole", {"Statement": []})
    assert resolve_role("mytestrole", account.asking)[1] == ()
    for named in ("mytestrole", f"{ROLE}/mytestrole"):
        [found] = resolve_role(named, account.asking, for_ec2=True)[1]
        assert codes((found,)) == [("role-not-for-ec2", Severity.WARNING)]
        assert "ec2.amazonaws.com" in found.hint


def test_conditions_on_the_instance_are_noted(account: AwsAccount) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "ec2.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": NUMBER}},
    }
    account.role("mytestrole", {"Statement": statement})
    [found] = resolve_role("mytestrole", account.asking, for_ec2=True)[1]
    assert found.severity is Severity.NOTE
    assert "aws:SourceAccount" in found.message


# Permission sets.


def test_a_permission_set_is_found_by_its_name(account: AwsAccount) -> None:
    account.role(sso("Admin", OLD), path=SSO_PATH)
    account.role(sso("Admin_more", NEW), path=SSO_PATH)
    account.role(sso("Admin", NEWER), path="/by-hand/")
    assert find_sso_role("Admin", account.asking) == f"{ROLE}/{sso('Admin', OLD)}"
    assert find_sso_role("Admin_more", account.asking, account=NUMBER) == f"{ROLE}/{sso('Admin_more', NEW)}"
    assert list_sso_roles(account.asking) == (
        f"{ROLE}{SSO_PATH}{sso('Admin', OLD)}",
        f"{ROLE}{SSO_PATH}{sso('Admin_more', NEW)}",
    )


def test_a_permission_set_without_a_role_is_refused_with_similar_ones(account: AwsAccount) -> None:
    account.role(sso("PowerUser", OLD), path=SSO_PATH)
    with pytest.raises(RoleError, match=f"`PowerUsers` has no role in account {NUMBER}") as error:
        find_sso_role("PowerUsers", account.asking)
    assert "`PowerUser`" in error.value.hint


def test_a_permission_set_with_several_roles_is_not_guessed(account: AwsAccount) -> None:
    for suffix in (OLD, NEW):
        account.role(sso("Admin", suffix), path=SSO_PATH)
    with pytest.raises(RoleError, match="several roles") as error:
        find_sso_role("Admin", account.asking)
    assert f"{ROLE}/{sso('Admin', OLD)}" in str(error.value)


def test_a_permission_set_of_another_account_cannot_be_found(account: AwsAccount) -> None:
    asking = account.asking
    for asking.is_of_environment, hint in (
        (False, "Pass a profile=… of that"),
        (True, "Set AWS_PROFILE to one of that"),
    ):
        with pytest.raises(RoleError, match=f"by a caller of account 123456789012.*\n{hint}"):
            find_sso_role("Admin", asking, account="999999999999")


def test_the_right_to_find_permission_sets_is_named(account: AwsAccount) -> None:
    account.deny("iam:ListRoles")
    with pytest.raises(AwsPermissionError, match="iam:ListRoles"):
        find_sso_role("Admin", account.asking)


@pytest.mark.parametrize(("name", "number"), [("", None), ("  ", None), (None, None), ("Admin", "")])
def test_an_empty_permission_set_is_refused(account: AwsAccount, name: Any, number: Any) -> None:
    with pytest.raises(UsageError, match=r"permission_set is|account is"):
        find_sso_role(name, account.asking, account=number)
    assert account.sent == []


def test_many_roles_are_read_page_by_page(account: AwsAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iam, "PAGE", 3)
    for number in range(8):
        account.role(sso(f"Set{number}", OLD), path=SSO_PATH)
    found = [find_sso_role(f"Set{number}", account.asking) for number in range(8)]
    assert found == [f"{ROLE}/{sso(f'Set{number}', OLD)}" for number in range(8)]
    assert account.sent.count("ListRoles") == 8 * 3


# Mappings of SSO roles that were replaced.


def mapping(*arns: str) -> Document:
    return Document({"mapRoles": json.dumps([{"rolearn": arn, "username": "u", "groups": ["g"]} for arn in arns])})


def path_of(arn: str) -> str:
    """Return the ARN of an SSO role as IAM has it."""
    return arn.replace(":role/", f":role{SSO_PATH}")


ADMIN_OLD, ADMIN_NEW, ADMIN_NEWER = (f"{ROLE}/{sso('Admin', suffix)}" for suffix in (OLD, NEW, NEWER))


def test_a_replaced_role_is_found_with_the_rename_as_cure() -> None:
    document = mapping(f"{ROLE}/other", ADMIN_OLD)
    [found] = replaced_sso_roles(document, [path_of(ADMIN_NEW), f"{ROLE}/other"])
    assert (found.code, found.severity, found.principal) == ("sso-role-replaced", Severity.ERROR, ADMIN_OLD)
    assert found.fix == (RenamePrincipal(principal_arn=ADMIN_OLD, new_arn=ADMIN_NEW),)
    assert found.location is not None
    assert document.data["mapRoles"][found.location.column - 1 :].startswith(f'"{ADMIN_OLD}"')
    mended = merge(document, found.fix)
    assert [role.role_arn for role in mended.roles] == [f"{ROLE}/other", ADMIN_NEW]
    assert list(replaced_sso_roles(mended, [path_of(ADMIN_NEW)])) == []


def test_a_replaced_role_written_with_its_path_is_found() -> None:
    [found] = replaced_sso_roles(mapping(path_of(ADMIN_OLD)), [path_of(ADMIN_NEW)])
    assert [role.role_arn for role in merge(mapping(path_of(ADMIN_OLD)), found.fix).roles] == [ADMIN_NEW]


def test_where_the_new_role_is_mapped_already_the_old_mapping_goes() -> None:
    document = mapping(ADMIN_OLD, ADMIN_NEW)
    [found] = replaced_sso_roles(document, [path_of(ADMIN_NEW)])
    assert found.fix == (RemoveRole(role_arn=ADMIN_OLD),)
    assert [role.role_arn for role in merge(document, found.fix).roles] == [ADMIN_NEW]


def test_of_several_new_roles_none_is_guessed() -> None:
    [found] = replaced_sso_roles(mapping(ADMIN_OLD), [path_of(ADMIN_NEW), path_of(ADMIN_NEWER)])
    assert found.fix == ()
    assert ADMIN_NEW in found.hint
    assert ADMIN_NEWER in found.hint


@pytest.mark.parametrize(
    "roles",
    [
        [],
        [path_of(ADMIN_OLD)],
        [path_of(ADMIN_OLD), path_of(ADMIN_NEW)],
        [path_of(f"{ROLE}/{sso('Admin_more', NEW)}")],
        [path_of(ADMIN_NEW).replace(NUMBER, "999999999999")],
    ],
    ids=["nothing known", "still there", "one more", "another set", "another account"],
)
def test_a_role_that_is_not_known_to_be_replaced_is_left_alone(roles: list[str]) -> None:
    assert list(replaced_sso_roles(mapping(ADMIN_OLD, f"{ROLE}/x", "junk"), roles)) == []


def test_whether_it_is_worth_asking_is_told_by_the_document() -> None:
    assert maps_sso_roles(mapping(f"{ROLE}/x", ADMIN_OLD))
    assert not maps_sso_roles(mapping(f"{ROLE}/x", "junk"))
    assert not maps_sso_roles(Document({}))


def test_the_name_of_a_permission_set_may_hold_underscores() -> None:
    role = sso_role(f"{ROLE}/{sso('a_b-c.d_0123456789abcdef', NEW)}")
    assert permission_set(role) == "a_b-c.d_0123456789abcdef"
    assert sso_role(f"{ROLE}/AWSReservedSSO_Admin") == ""
    assert sso_role("junk") == ""


def test_no_error_of_boto3_gets_out(account: AwsAccount) -> None:
    account.raise_for_violations("iam", "ListRoles", "ServiceFailure", "internal", status=500)
    with pytest.raises(AwsAuthError, match="ServiceFailure"):
        find_sso_role("Admin", account.asking)


@pytest.mark.parametrize(
    ("principal", "of_set"),
    [
        (ADMIN_OLD, "Admin"),
        (path_of(ADMIN_OLD).lower(), "admin"),
        ("AWSReservedSSO_a_b_0123456789abcdef", "a_b"),
        ("AWSReservedSSO_Admin_0123456789abcdeg", ""),
        ("AWSReservedSSO_Admin_0123456789abcdef0", ""),
        (f"{ROLE}/x", ""),
    ],
)
def test_a_permission_set_is_told_by_the_name_of_its_role(principal: str, of_set: str) -> None:
    assert permission_set(principal) == of_set
