"""The role of an EC2 instance: making it, and giving it to the instance."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from awsauth.aws.iam_lookup import get_instance_profile, get_role, own_account
from awsauth.aws.role_name import check_role_name
from awsauth.aws.role_setup import RoleSetup, Step, carry_out
from awsauth.aws.session import AwsSession
from awsauth.boundary import public
from awsauth.core.arn import partition_of
from awsauth.core.escaping import command_line, quoted
from awsauth.core.trust_policy import letting_ec2_in, trust_in_ec2
from awsauth.errors import RoleError, UsageError

if TYPE_CHECKING:
    import boto3

_PATH: Final = re.compile(r"/(?:[!-~]{1,510}/)?")

_ABSENT: Final = frozenset({"NoSuchEntity"})
_EXISTS: Final = frozenset({"EntityAlreadyExists"})
_FULL: Final = frozenset({"LimitExceeded"})
"""How IAM says that an instance profile, which holds one role, has one already."""


@public
def ensure_instance_role(
    name: str,
    *,
    path: str = "/",
    dry_run: bool = False,
    session: boto3.Session | None = None,
    profile: str | None = None,
    region: str | None = None,
) -> RoleSetup:
    """Make sure that there is a role that EC2 instances can wear, and an instance profile of the same name with it.

    A second run changes nothing. Of a role that is there already nothing is touched but its trust policy, which gets one
    statement more where none lets EC2 hand the role out. IAM keeps no versions of trust policies: whoever edits the same
    one in the same second may overwrite that statement, or be overwritten.

    Args:
        name: The role's name, without path: 1 to 64 letters, digits or ``+=,.@_-``.
        path: Where a new role and a new instance profile are put. ``aws-auth`` maps a role without its path.
        dry_run: Only say what would be done.
        session: Whom to ask AWS as; by default as `profile` says, or as boto3 finds out.
        profile: A profile of the AWS configuration.
        region: An AWS Region; IAM has none, and the partition follows from it.

    Raises:
        UsageError: `name` or `path` is none.
        RoleError: the instance profile of that name holds another role, or a statement denies EC2 the role.
        OutcomeUnknownError: AWS did not answer something that it was to do, which may have been done.
        CredentialsError, AwsServiceError: a right is missing, or AWS cannot be asked. It says what was done before.
    """
    check_role_name(name)
    _check_path(path)
    asking = AwsSession(session=session, profile=profile, region=region)
    role = _InstanceRole(asking, name, path)
    return carry_out(asking, role.look, what=f"The instance role {quoted(name)}", dry_run=dry_run)


def _check_path(path: Any) -> None:
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        raise UsageError(f"{quoted(str(path))} is no path; nothing was changed.", cure="A path looks like /team/.")


class _InstanceRole:
    """One role and its instance profile, as they are and as they should be."""

    def __init__(self, session: AwsSession, name: str, path: str) -> None:
        self._session = session
        self._name = name
        self._path = path

    def look(self) -> tuple[RoleSetup, list[Step]]:
        """Return how things are, and what is missing."""
        notes: list[str] = []
        role = get_role(self._session, self._name)
        if role is None:
            account, partition = own_account(self._session)
            arn = f"arn:{partition}:iam::{account}:role{self._path}{self._name}"
            steps = [self._creating_role(partition)]
        else:
            arn = role.arn
            steps = self._trusting(arn, role.trust, notes)
            if self._path not in ("/", role.path):
                notes.append(f"the role is under {role.path}, and a path cannot be changed")
        steps += self._profile_steps()
        return RoleSetup(arn, self._name, notes=tuple(notes)), steps

    def _creating_role(self, partition: str) -> Step:
        policy = json.dumps(letting_ec2_in(None, partition))

        def create() -> None:
            iam = self._session.client("iam")
            iam.create_role(RoleName=self._name, Path=self._path, AssumeRolePolicyDocument=policy)

        where = f" under {self._path}" if self._path != "/" else ""
        return Step(
            f"create the role {self._name}{where}, which EC2 may hand to its instances", create, raced_by=_EXISTS
        )

    def _trusting(self, arn: str, policy: Any, notes: list[str]) -> list[Step]:
        partition = partition_of(arn)
        trust = trust_in_ec2(policy, partition)
        if trust.verdict == "denied":
            raise RoleError(
                f"The trust policy of {quoted(arn, 200)} denies EC2 the role, whatever else it allows.",
                cure="Take the statement with the effect Deny out, or use another role.",
            )
        if trust.verdict == "conditional":
            notes.append(f"{trust}, which were not checked")
        if trust.verdict in ("yes", "conditional"):
            return []

        def extend() -> None:
            # As it is now, not as it was when the step was listed.
            now = get_role(self._session, self._name)
            if now is None:
                raise RoleError(f"The role {quoted(self._name)} has just been deleted.", cure="Run it again.")
            extended = json.dumps(letting_ec2_in(now.trust, partition))
            iam = self._session.client("iam")
            iam.update_assume_role_policy(RoleName=self._name, PolicyDocument=extended)

        return [Step(f"add a statement to the trust policy of {self._name}: EC2 may hand it to its instances", extend)]

    def _profile_steps(self) -> list[Step]:
        name = self._name
        held = get_instance_profile(self._session, name)
        roles = [role.name for role in held or ()]
        if roles and roles != [name]:
            which = ("--instance-profile-name", name, "--role-name", roles[0])
            command = command_line("aws", "iam", "remove-role-from-instance-profile", *which)
            raise RoleError(
                f"The instance profile {quoted(name)} holds the role {quoted(roles[0])} already, and can hold one only.",
                cure=f"Take the other role out (`{command}`) if no instance needs it, or choose another name.",
            )
        steps = []
        if held is None:
            steps.append(Step(f"create the instance profile {name}", self._create_profile, raced_by=_EXISTS))
        if not roles:
            fill = f"put the role into the instance profile {name}"
            steps.append(Step(fill, self._fill_profile, raced_by=_FULL, early=_ABSENT))
        return steps

    def _create_profile(self) -> None:
        iam = self._session.client("iam")
        iam.create_instance_profile(InstanceProfileName=self._name, Path=self._path)

    def _fill_profile(self) -> None:
        iam = self._session.client("iam")
        iam.add_role_to_instance_profile(InstanceProfileName=self._name, RoleName=self._name)
