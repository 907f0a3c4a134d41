"""Giving a role to an EC2 instance that runs already."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from awsauth.aws.errors import translate_errors
from awsauth.aws.iam import check_role_name, profiles_of_role
from awsauth.aws.instance_role import RoleSetup, SetupStep, run_steps
from awsauth.aws.session import AwsSession
from awsauth.boundary import public
from awsauth.core.text.display import quoted
from awsauth.errors import AwsPermissionError, AwsServiceError, RoleError, UsageError

if TYPE_CHECKING:
    import boto3

_INSTANCE: Final = re.compile(r"i-(?:[0-9a-f]{8}|[0-9a-f]{17})")
_RACED: Final = frozenset({"IncorrectState", "InvalidAssociationID.NotFound"})
_EARLY: Final = frozenset({"InvalidParameterValue", "NoSuchEntity"})
"""How EC2 says that it does not know an instance profile, which for a new one is true for some seconds."""


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
    """Give a role to an EC2 instance, through the instance profile that holds the role.

    A second run changes nothing. Instance metadata hands out the credentials of the role within seconds; what runs on
    the instance and has credentials of another role keeps them until they expire.

    Args:
        instance_id: The instance.
        name: The role's name, without path.
        replace: Whether to take away the role that the instance may have.
        dry_run: Only say what would be done.
        session: Whom to ask AWS as; by default as `profile` says, or as boto3 finds out.
        profile: A profile of the AWS configuration.
        region: The AWS Region of the instance.

    Raises:
        UsageError: `instance_id` or `name` is none.
        RoleError: there is no such instance or role, or the instance has another instance profile.
        OutcomeUnknownError: AWS did not answer something that it was to do, which may have been done.
        CredentialsError, AwsServiceError: a right is missing, or AWS cannot be asked.
    """
    check_role_name(name)
    _check_instance_id(instance_id)
    asking = AwsSession(session=session, profile=profile, region=region)
    attachment = _Attachment(asking, instance_id, name, replace=replace)
    return run_steps(
        asking, attachment.look, subject=f"The role of the instance {quoted(instance_id)}", dry_run=dry_run
    )


def _check_instance_id(instance_id: Any) -> None:
    if not isinstance(instance_id, str) or not _INSTANCE.fullmatch(instance_id):
        raise UsageError(
            f"{quoted(str(instance_id))} is no instance id; nothing was changed.",
            hint="An instance id looks like i-0123456789abcdef0.",
        )


class _Attachment:
    """One instance and the role that it should have."""

    def __init__(self, session: AwsSession, instance_id: str, name: str, *, replace: bool) -> None:
        self._session = session
        self._instance_id = instance_id
        self._name = name
        self._replace = replace

    def look(self) -> tuple[RoleSetup, list[SetupStep]]:
        """Return how things are, and what is missing."""
        arn, profiles, notes = self._profiles()
        self._check_instance()
        present, association = self._present()
        worn = present.rpartition("/")[2]
        best = worn if worn in profiles else profiles[0]
        setup = RoleSetup(arn, best, self._instance_id, notes=tuple(notes))
        if worn in profiles:
            return setup, []
        give = f"give the instance profile {best} to the instance {self._instance_id}"
        if not present:
            return setup, [SetupStep(give, lambda: self._associate(best), "ec2", _RACED, _EARLY)]
        if not self._replace:
            raise RoleError(
                f"The instance {quoted(self._instance_id)} has the instance profile {quoted(present, 200)} already.",
                hint="Pass replace=True to take that away, if nothing on the instance needs it.",
            )
        exchange = f"{give}, in place of {present}"
        return setup, [SetupStep(exchange, lambda: self._exchange(best, association), "ec2", _RACED, _EARLY)]

    def _profiles(self) -> tuple[str, list[str], list[str]]:
        """Return the role's ARN, the names of its instance profiles, the best first, and notes."""
        try:
            profiles = profiles_of_role(self._session, self._name)
        except AwsPermissionError as error:
            # The usual name: whether it is right is seen when the instance gets it.
            return "", [self._name], [f"whether the instance profile holds the role was not checked: {error.message}"]
        names = sorted(profiles, key=lambda name: (name != self._name, name))
        if not names:
            raise RoleError(
                f"There is no role {quoted(self._name)} in an instance profile.",
                hint="Make both: awsauth.ensure_instance_role says what is missing, and does it.",
            )
        if len(names) > 1 and names[0] != self._name:
            listed = ", ".join(map(quoted, names))
            raise RoleError(
                f"The role {quoted(self._name)} is in several instance profiles: {listed}.",
                hint="Make one of the role's own name with awsauth.ensure_instance_role.",
            )
        return profiles[names[0]], names, []

    def _check_instance(self) -> None:
        doing = f"The instance {quoted(self._instance_id)} cannot be looked up"
        try:
            with translate_errors(doing, self._session, service="ec2"):
                answer = self._session.client("ec2").describe_instances(InstanceIds=[self._instance_id])
                state = answer["Reservations"][0]["Instances"][0]["State"]["Name"]
        except AwsServiceError as error:
            if not error.code.startswith("InvalidInstanceID"):
                raise
            raise RoleError(
                f"There is no instance {quoted(self._instance_id)} in {quoted(self._session.region)}.",
                hint="Pass its region=…, and a profile=… of its account.",
            ) from error
        if state in ("shutting-down", "terminated"):
            raise RoleError(
                f"The instance {quoted(self._instance_id)} is {state}.", hint="Choose one that runs, or is stopped."
            )

    def _present(self) -> tuple[str, str]:
        """Return the ARN of the instance's instance profile and the id of that association; empty where it has none."""
        of_instance = [{"Name": "instance-id", "Values": [self._instance_id]}]
        doing = f"The instance profile of {quoted(self._instance_id)} cannot be looked up"
        with translate_errors(doing, self._session, service="ec2"):
            answer = self._session.client("ec2").describe_iam_instance_profile_associations(Filters=of_instance)
            for association in answer["IamInstanceProfileAssociations"]:
                if association["State"] in ("associating", "associated"):
                    return association["IamInstanceProfile"]["Arn"], association["AssociationId"]
        return "", ""

    def _associate(self, profile: str) -> None:
        self._session.client("ec2").associate_iam_instance_profile(
            IamInstanceProfile={"Name": profile}, InstanceId=self._instance_id
        )

    def _exchange(self, profile: str, association: str) -> None:
        self._session.client("ec2").replace_iam_instance_profile_association(
            IamInstanceProfile={"Name": profile}, AssociationId=association
        )
