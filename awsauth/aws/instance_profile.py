"""Give a role to an existing EC2 instance."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from awsauth.aws.errors import INVALID, MISSING, pages_of
from awsauth.aws.iam import check_role_name, profiles_of_role
from awsauth.aws.instance_role import RoleSetup, SetupStep, run_steps
from awsauth.aws.session import AwsSession
from awsauth.boundary import public
from awsauth.core.text.display import quoted
from awsauth.errors import AwsPermissionError, RoleError, UsageError

if TYPE_CHECKING:
    import boto3

_INSTANCE: Final = re.compile(r"i-(?:[0-9a-f]{8}|[0-9a-f]{17})")
_RACED: Final = frozenset({"IncorrectState", "InvalidAssociationID.NotFound"})
"""The codes of EC2 for an instance profile that has changed meanwhile."""


@public
def attach_instance_role(
    instance_id: str,
    name: str,
    *,
    replace: bool = False,
    dry_run: bool = False,
    session: boto3.Session | None = None,
    profile: str | None = None,
    region: str | None = None,
) -> RoleSetup:
    """Give a role to an EC2 instance, through the role's instance profile.

    A second run changes nothing. Instance metadata hands out the role's credentials within seconds. A process on the
    instance that has credentials of another role keeps them until they expire.

    Args:
        instance_id: The instance.
        name: The role's name, without path.
        replace: Whether to replace another role of the instance.
        dry_run: Only return what would be done.
        session: A boto3 session; by default one made from `profile` or by boto3's own rules.
        profile: A profile of the AWS configuration.
        region: The AWS Region of the instance.

    Raises:
        UsageError: `instance_id` or `name` is not valid.
        RoleError: the instance or the role does not exist, or the instance has another instance profile.
        OutcomeUnknownError: AWS did not answer a change, and may have done it.
        CredentialsError, AwsServiceError: a permission is missing, or AWS does not answer.
    """
    check_role_name(name)
    _check_instance_id(instance_id)
    aws = AwsSession(session=session, profile=profile, region=region)
    attachment = _Attachment(aws, instance_id, name, replace=replace)
    return run_steps(aws, attachment.look, subject=f"The role of the instance {quoted(instance_id)}", dry_run=dry_run)


def _check_instance_id(instance_id: Any) -> None:
    if not isinstance(instance_id, str) or not _INSTANCE.fullmatch(instance_id):
        raise UsageError(
            f"{quoted(str(instance_id))} is not an instance id.",
            hint="Pass an instance id such as i-0123456789abcdef0.",
        )


class _Attachment:
    """One instance and the role that it should have."""

    def __init__(self, session: AwsSession, instance_id: str, name: str, *, replace: bool) -> None:
        self._session = session
        self._instance_id = instance_id
        self._name = name
        self._replace = replace

    def look(self) -> tuple[RoleSetup, list[SetupStep]]:
        """Return the present state, and the steps that are missing."""
        arn, profiles, notes = self._profiles()
        self._check_instance()
        present, association = self._present()
        worn = present.rpartition("/")[2]
        best = worn if worn in profiles else profiles[0]
        setup = RoleSetup(arn, best, self._instance_id, notes=tuple(notes))
        if worn in profiles:
            return setup, []
        give = f"give the instance profile {best} to the instance {self._instance_id}"
        wanted = {"Name": best}

        def associate(ec2: Any) -> None:
            ec2.associate_iam_instance_profile(IamInstanceProfile=wanted, InstanceId=self._instance_id)

        def exchange(ec2: Any) -> None:
            ec2.replace_iam_instance_profile_association(IamInstanceProfile=wanted, AssociationId=association)

        # For some seconds EC2 calls a new instance profile an invalid parameter.
        step = SetupStep(give, associate, "ec2", _RACED, INVALID | MISSING)
        if not present:
            return setup, [step]
        if not self._replace:
            raise RoleError(
                f"The instance {quoted(self._instance_id)} has the instance profile {quoted(present, 200)} already.",
                hint="Pass replace=True to replace it, if nothing on the instance needs it.",
            )
        return setup, [step._replace(text=f"{give}, instead of {present}", do=exchange)]

    def _profiles(self) -> tuple[str, list[str], list[str]]:
        """Return the role's ARN, its instance profiles' names, and notes.

        The best instance profile is the first.
        """
        try:
            profiles = profiles_of_role(self._session, self._name)
        except AwsPermissionError as error:
            # The usual name: EC2 refuses a wrong one.
            return "", [self._name], [f"the role in the instance profile was not checked: {error.message}"]
        names = sorted(profiles, key=lambda name: (name != self._name, name))
        if not names:
            raise RoleError(
                f"There is no role {quoted(self._name)} in an instance profile.",
                hint="Make both with awsauth.ensure_instance_role.",
            )
        if len(names) > 1 and names[0] != self._name:
            listed = ", ".join(map(quoted, names))
            raise RoleError(
                f"The role {quoted(self._name)} is in several instance profiles: {listed}.",
                hint="Make one with the role's own name with awsauth.ensure_instance_role.",
            )
        return profiles[names[0]], names, []

    def _check_instance(self) -> None:
        instance = quoted(self._instance_id)
        with self._session.calling("ec2", f"The instance {instance} cannot be looked up", unless=MISSING) as ec2:
            answer = ec2.describe_instances(InstanceIds=[self._instance_id])
            state = answer["Reservations"][0]["Instances"][0]["State"]["Name"]
            if state in ("shutting-down", "terminated"):
                raise RoleError(f"The instance {instance} is {state}.", hint="Choose one that runs, or is stopped.")
            return
        raise RoleError(
            f"There is no instance {instance} in {quoted(self._session.region)}.",
            hint="Pass its region=…, and a profile=… of its account.",
        )

    def _present(self) -> tuple[str, str]:
        """Return the ARN of the instance's profile, and the association's id.

        Both are empty if the instance has none.
        """
        of_instance = [{"Name": "instance-id", "Values": [self._instance_id]}]
        doing = f"The instance profile of {quoted(self._instance_id)} cannot be looked up"
        with self._session.calling("ec2", doing) as ec2:
            for association in pages_of(ec2, "describe_iam_instance_profile_associations", Filters=of_instance):
                if association["State"] in ("associating", "associated"):
                    return association["IamInstanceProfile"]["Arn"], association["AssociationId"]
        return "", ""
