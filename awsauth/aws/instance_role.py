"""Make an IAM role that EC2 instances can have."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from awsauth.aws.errors import MISSING, TAKEN
from awsauth.aws.iam import check_role_name, get_instance_profile, get_role, own_arn
from awsauth.aws.session import AwsSession
from awsauth.aws.trust_policy import letting_ec2_in, trust_in_ec2
from awsauth.core.arn import partition_of
from awsauth.core.serialization import JsonValue, in_json
from awsauth.core.text.display import command_line, quoted, visible
from awsauth.errors import AwsAuthError, AwsServiceError, RoleError, UsageError
from awsauth.system.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import boto3

_LOOK: Final = "Run it again: it looks at the present state, and does only the missing steps."
_FULL: Final = frozenset({"LimitExceeded"})  # the code of IAM for an instance profile that already holds its one role


@dataclass(frozen=True, slots=True)
class RoleSetup(JsonValue):
    """The steps that were done, or would be.

    Attributes:
        role_arn: The role, with its path; if it does not exist yet, the ARN that it would have.
        instance_profile: The name of the instance profile that holds the role.
        steps: The steps, in order; empty if nothing was missing.
        notes: Further information.
        dry_run: Whether nothing was done.
    """

    role_arn: str
    instance_profile: str
    steps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    dry_run: bool = False

    @property
    @in_json()
    def changed(self) -> bool:
        """Whether there was, or is, something to do."""
        return bool(self.steps)

    def __str__(self) -> str:
        lines = ["Nothing to do: everything exists already."]
        if self.steps:
            lines = ["To be done:" if self.dry_run else "Done:", *(f"- {step}" for step in self.steps)]
        lines += [f"Note: {note}" for note in self.notes]
        return visible("\n".join(lines), keep="\n")


def ensure_instance_role(
    name: str,
    *,
    path: str = "/",
    dry_run: bool = False,
    session: boto3.Session | None = None,
    profile: str | None = None,
    region: str | None = None,
) -> RoleSetup:
    """Ensure a role for EC2 instances, in an instance profile of its name.

    A second run changes nothing. An existing role keeps everything but its trust policy: that gets one more statement
    if it does not let EC2 hand out the role. IAM keeps no versions of trust policies. If another user edits the same
    policy in the same second, one of the two changes may be lost.

    Args:
        name: The role's name, without path: 1 to 64 letters, digits or ``+=,.@_-``.
        path: The path of a new role and a new instance profile. ``aws-auth`` maps a role without its path.
        dry_run: Only return what would be done.
        session: A boto3 session; by default one made from `profile` or by boto3's own rules.
        profile: A profile of the AWS configuration.
        region: An AWS Region. IAM has none; the region decides the partition.

    Raises:
        UsageError: `name` or `path` is not valid.
        RoleError: the instance profile of that name holds another role, or a statement denies EC2 the role.
        OutcomeUnknownError: AWS did not answer a change, and may have done it.
        CredentialsError, AwsServiceError: a permission is missing, or AWS does not answer. Every error names the steps
            that were done before.
    """
    check_role_name(name)
    named: Any = path
    if not isinstance(named, str) or not re.fullmatch("/(?:[!-~]{1,510}/)?", path):
        raise UsageError(f"{quoted(str(path))} is not a path.", hint="Pass a path such as /team/.")
    role = _InstanceRole(AwsSession(session=session, profile=profile, region=region), name, path)
    return replace(role.look()[0], dry_run=True) if dry_run else role.ensure()


class _Step(NamedTuple):
    """One thing to do.

    Attributes:
        text: As in "create the role".
        do: Does it, given the client of IAM.
        raced_by: The codes with which AWS says that another user was faster.
    """

    text: str
    do: Callable[[Any], object]
    raced_by: Collection[str] = ()


class _InstanceRole:
    def __init__(self, session: AwsSession, name: str, path: str) -> None:
        self._session = session
        self._name = name
        self._path = path
        self._not_set_up = f"The instance role {quoted(name)} is not set up"
        self._done: list[str] = []

    def ensure(self) -> RoleSetup:
        """Do the missing steps.

        Raises:
            OutcomeUnknownError: AWS did not answer a step.
            AwsAuthError: something failed otherwise. The error names the steps that were done before.
        """
        waiting = Backoff()
        try:
            # Until nothing is missing: AWS may show a step late, and other users may make changes, too.
            while True:
                setup, steps = self.look()
                if not steps:
                    return replace(setup, steps=tuple(self._done))
                # If another user was faster, the steps behind that one may differ now.
                is_complete = all(step.text in self._done or self._does(step) for step in steps)
                if not waiting.wait():
                    break
            if not is_complete:
                raise RoleError(f"{self._not_set_up}: another user keeps changing it.", hint="Run it again later.")
        except AwsAuthError as error:
            if self._done:
                error.changed = True
                error.message = f"{error.message}\nDone before that: {'; '.join(self._done)}."
            raise
        unseen = "AWS does not show all of it everywhere yet, which takes a minute at most"
        return replace(setup, steps=tuple(self._done), notes=(*setup.notes, unseen))

    def _does(self, step: _Step) -> bool:
        """Do a step, and return False if another user was faster."""
        waiting = Backoff()  # while one part of AWS may not know a new object of another
        while True:
            doing = f"{self._not_set_up}: could not {step.text}"
            try:
                with self._session.calling("iam", doing, look=_LOOK, unless=step.raced_by) as iam:
                    step.do(iam)
                    self._done.append(step.text)
                    return True
            except AwsServiceError as error:
                if error.code not in MISSING:
                    raise
                waiting.wait_or_raise(error)
            else:
                return False

    def look(self) -> tuple[RoleSetup, list[_Step]]:
        """Return the set-up with the missing steps in words, and these steps."""
        notes: list[str] = []
        if not (role := get_role(self._session, self._name)):
            own = own_arn(self._session)
            arn = f"arn:{own.partition}:iam::{own.account}:role{self._path}{self._name}"
            steps = [self._creating_role(own.partition)]
        else:
            arn = role.arn
            steps = self._trusting(arn, role.trust, notes)
            if self._path not in ("/", role.path):
                notes.append(f"the role is under {role.path}, and a path cannot be changed")
        steps += self._profile_steps()
        return RoleSetup(arn, self._name, tuple(step.text for step in steps), tuple(notes)), steps

    def _creating_role(self, partition: str) -> _Step:
        policy = json.dumps(letting_ec2_in(None, partition))
        location = f" under {self._path}" if self._path != "/" else ""
        return _Step(
            f"create the role {self._name}{location}, which EC2 may hand to its instances",
            lambda iam: iam.create_role(RoleName=self._name, Path=self._path, AssumeRolePolicyDocument=policy),
            raced_by=TAKEN,
        )

    def _trusting(self, arn: str, policy: Any, notes: list[str]) -> list[_Step]:
        partition = partition_of(arn)
        trust = trust_in_ec2(policy, partition)
        if trust.verdict == "denied":
            hint = "Remove the statement with the effect Deny, or use another role."
            raise RoleError(f"A statement in the trust policy of {quoted(arn, 200)} denies EC2 the role.", hint=hint)
        if trust.verdict == "conditional":
            notes.append(f"{trust}, which were not checked")
        if trust.verdict in ("yes", "conditional"):
            return []

        def extend(iam: Any) -> None:
            # The present policy: it may have changed since the step was listed.
            if not (now := get_role(self._session, self._name)):
                raise RoleError(f"The role {quoted(self._name)} has just been deleted.", hint="Run it again.")
            extended = json.dumps(letting_ec2_in(now.trust, partition))
            iam.update_assume_role_policy(RoleName=self._name, PolicyDocument=extended)

        return [_Step(f"add a statement to the trust policy of {self._name}: EC2 may hand it to its instances", extend)]

    def _profile_steps(self) -> list[_Step]:
        name = self._name
        held = get_instance_profile(self._session, name)
        roles = [role.name for role in held or ()]
        if roles and roles != [name]:
            which = ("--instance-profile-name", name, "--role-name", roles[0])
            command = command_line("aws", "iam", "remove-role-from-instance-profile", *which)
            held_role = f"holds the role {quoted(roles[0])} already, and can hold only one"
            message = f"The instance profile {quoted(name)} {held_role}."
            hint = f"Remove the other role (`{command}`) if no instance needs it, or choose another name."
            raise RoleError(message, hint=hint)

        def create(iam: Any) -> None:
            iam.create_instance_profile(InstanceProfileName=name, Path=self._path)

        def fill(iam: Any) -> None:
            iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)

        steps = [_Step(f"create the instance profile {name}", create, TAKEN)] if held is None else []
        return steps if roles else [*steps, _Step(f"put the role into the instance profile {name}", fill, _FULL)]
