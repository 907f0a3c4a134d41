"""What was done, or would be, to an IAM role and to the instance that is to wear it; and how it is done."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from awsauth.aws.errors import translate_errors
from awsauth.aws.iam import check_role_name, get_instance_profile, get_role, own_account
from awsauth.aws.session import AwsSession
from awsauth.aws.trust_policy import letting_ec2_in, trust_in_ec2
from awsauth.boundary import public
from awsauth.core.arn import partition_of
from awsauth.core.serialization import JsonValue, in_json
from awsauth.core.text.display import command_line, quoted, visible
from awsauth.errors import AwsAuthError, AwsServiceError, RoleError, UsageError
from awsauth.retry import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable

    import boto3


_LOOK: Final = "Run it again: it looks at what there is, and does only what is missing. With dry_run=True it only says what that is."


@dataclass(frozen=True, slots=True)
@public
class RoleSetup(JsonValue):
    """What was done, or would be.

    Attributes:
        role_arn: The role, with its path; of one that does not exist yet, the ARN that it would have. Empty where the
            right to look is missing.
        instance_profile: The name of the instance profile that holds the role.
        instance_id: The instance that is to wear it; empty where none is concerned.
        steps: What was done or would be, in order; empty where everything was as it should be already.
        notes: What else is worth knowing.
        dry_run: Whether nothing was done.
    """

    role_arn: str
    instance_profile: str
    instance_id: str = ""
    steps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    dry_run: bool = False

    @property
    @in_json()
    def changed(self) -> bool:
        """Whether there was, or is, something to do."""
        return bool(self.steps)

    def __str__(self) -> str:
        if not self.steps:
            lines = ["Nothing to do: all of it is there already."]
        else:
            lines = ["To be done:" if self.dry_run else "Done:", *(f"- {step}" for step in self.steps)]
        lines += [f"Note: {note}" for note in self.notes]
        return visible("\n".join(lines), keep="\n")


class SetupStep(NamedTuple):
    """One thing to do.

    Attributes:
        text: What it does, as in "create the role".
        do: Does it.
        service: Of AWS, that does it.
        raced_by: Error codes by which AWS says that it was done in the meantime, or something in its place.
        early: Error codes by which AWS says that it does not know yet what was just made.
    """

    text: str
    do: Callable[[], object]
    service: str = "iam"
    raced_by: frozenset[str] = frozenset()
    early: frozenset[str] = frozenset()


def run_steps(
    session: AwsSession, look: Callable[[], tuple[RoleSetup, list[SetupStep]]], *, subject: str, dry_run: bool
) -> RoleSetup:
    """Do what there is to do, or only say what that is.

    Args:
        session: Whom AWS is asked as.
        look: Looks at how things are, and returns that with the steps that are missing. It is called until there are
            none, so that what was done is seen to be there, and somebody else may have been quicker.
        subject: What is set up, as the start of a sentence.
        dry_run: Whether to do nothing.

    Raises:
        OutcomeUnknownError: AWS did not answer something that it was to do.
        AwsAuthError: something failed otherwise. All of them say what was done before.
    """
    done: list[str] = []
    try:
        return _until_done(session, look, done, subject=subject, dry_run=dry_run)
    except AwsAuthError as error:
        if done:
            error.changed = True
            error.hint = f"Done before that, and not done again in another run: {'; '.join(done)}. {error.hint}".strip()
        raise


def _until_done(
    session: AwsSession,
    look: Callable[[], tuple[RoleSetup, list[SetupStep]]],
    done: list[str],
    *,
    subject: str,
    dry_run: bool,
) -> RoleSetup:
    waiting = Backoff()
    while True:
        setup, steps = look()
        if dry_run:
            return replace(setup, steps=tuple(step.text for step in steps), dry_run=True)
        # What was done may not be seen yet; doing it twice would help nobody.
        missing = [step for step in steps if step.text not in done]
        if not steps:
            return replace(setup, steps=tuple(done))
        all(
            _does(session, step, done, subject) for step in missing
        )  # not those behind one in which another was quicker
        if not waiting.wait():
            break
    if [step for step in steps if step.text not in done]:
        raise RoleError(f"{subject} is being changed by somebody else, again and again.", hint="Run it again later.")
    unseen = "AWS does not show all of it everywhere yet, which takes a minute at most"
    return replace(setup, steps=tuple(done), notes=(*setup.notes, unseen))


def _does(session: AwsSession, step: SetupStep, done: list[str], subject: str) -> bool:
    """Do a step, and return False where somebody else was quicker."""
    waiting = Backoff()  # as long as one part of AWS may not know what was just made in another
    while True:
        try:
            with translate_errors(
                f"{subject} is not set up: could not {step.text}", session, service=step.service, look=_LOOK
            ):
                step.do()
        except AwsServiceError as error:
            if error.code in step.raced_by:
                return False
            if error.code not in step.early:
                raise
            waiting.wait_or_raise(error)
        else:
            done.append(step.text)
            return True


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
    return run_steps(asking, role.look, subject=f"The instance role {quoted(name)}", dry_run=dry_run)


def _check_path(path: Any) -> None:
    if not isinstance(path, str) or not _PATH.fullmatch(path):
        raise UsageError(f"{quoted(str(path))} is no path; nothing was changed.", hint="A path looks like /team/.")


class _InstanceRole:
    """One role and its instance profile, as they are and as they should be."""

    def __init__(self, session: AwsSession, name: str, path: str) -> None:
        self._session = session
        self._name = name
        self._path = path

    def look(self) -> tuple[RoleSetup, list[SetupStep]]:
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

    def _creating_role(self, partition: str) -> SetupStep:
        policy = json.dumps(letting_ec2_in(None, partition))

        def create() -> None:
            iam = self._session.client("iam")
            iam.create_role(RoleName=self._name, Path=self._path, AssumeRolePolicyDocument=policy)

        location = f" under {self._path}" if self._path != "/" else ""
        return SetupStep(
            f"create the role {self._name}{location}, which EC2 may hand to its instances", create, raced_by=_EXISTS
        )

    def _trusting(self, arn: str, policy: Any, notes: list[str]) -> list[SetupStep]:
        partition = partition_of(arn)
        trust = trust_in_ec2(policy, partition)
        if trust.verdict == "denied":
            raise RoleError(
                f"The trust policy of {quoted(arn, 200)} denies EC2 the role, whatever else it allows.",
                hint="Take the statement with the effect Deny out, or use another role.",
            )
        if trust.verdict == "conditional":
            notes.append(f"{trust}, which were not checked")
        if trust.verdict in ("yes", "conditional"):
            return []

        def extend() -> None:
            # As it is now, not as it was when the step was listed.
            now = get_role(self._session, self._name)
            if now is None:
                raise RoleError(f"The role {quoted(self._name)} has just been deleted.", hint="Run it again.")
            extended = json.dumps(letting_ec2_in(now.trust, partition))
            iam = self._session.client("iam")
            iam.update_assume_role_policy(RoleName=self._name, PolicyDocument=extended)

        return [
            SetupStep(f"add a statement to the trust policy of {self._name}: EC2 may hand it to its instances", extend)
        ]

    def _profile_steps(self) -> list[SetupStep]:
        name = self._name
        held = get_instance_profile(self._session, name)
        roles = [role.name for role in held or ()]
        if roles and roles != [name]:
            which = ("--instance-profile-name", name, "--role-name", roles[0])
            command = command_line("aws", "iam", "remove-role-from-instance-profile", *which)
            raise RoleError(
                f"The instance profile {quoted(name)} holds the role {quoted(roles[0])} already, and can hold one only.",
                hint=f"Take the other role out (`{command}`) if no instance needs it, or choose another name.",
            )
        steps = []
        if held is None:
            steps.append(SetupStep(f"create the instance profile {name}", self._create_profile, raced_by=_EXISTS))
        if not roles:
            fill = f"put the role into the instance profile {name}"
            steps.append(SetupStep(fill, self._fill_profile, raced_by=_FULL, early=_ABSENT))
        return steps

    def _create_profile(self) -> None:
        iam = self._session.client("iam")
        iam.create_instance_profile(InstanceProfileName=self._name, Path=self._path)

    def _fill_profile(self) -> None:
        iam = self._session.client("iam")
        iam.add_role_to_instance_profile(InstanceProfileName=self._name, RoleName=self._name)
