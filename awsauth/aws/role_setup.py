"""What was done, or would be, to an IAM role and to the instance that is to wear it; and how it is done."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from awsauth.aws.aws_errors import translated
from awsauth.boundary import public
from awsauth.core.escaping import visible
from awsauth.errors import AwsAuthError, AwsServiceError, OutcomeUnknownError, RoleError
from awsauth.retry import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable

    from awsauth.aws.session import AwsSession

_LOOK: Final = "Run it again: it looks at what there is, and does only what is missing. With dry_run=True it only says what that is."


@dataclass(frozen=True, slots=True)
@public
class RoleSetup:
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

    def to_json(self) -> dict[str, Any]:
        """Return it as values that JSON can hold."""
        return {
            "changed": self.changed,
            "dry_run": self.dry_run,
            "role_arn": self.role_arn,
            "instance_profile": self.instance_profile,
            "instance_id": self.instance_id,
            "steps": list(self.steps),
            "notes": list(self.notes),
        }


class Step(NamedTuple):
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


def carry_out(
    session: AwsSession, look: Callable[[], tuple[RoleSetup, list[Step]]], *, what: str, dry_run: bool
) -> RoleSetup:
    """Do what there is to do, or only say what that is.

    Args:
        session: Whom AWS is asked as.
        look: Looks at how things are, and returns that with the steps that are missing. It is called until there are
            none, so that what was done is seen to be there, and somebody else may have been quicker.
        what: What is set up, as the start of a sentence.
        dry_run: Whether to do nothing.

    Raises:
        OutcomeUnknownError: AWS did not answer something that it was to do.
        AwsAuthError: something failed otherwise. All of them say what was done before.
    """
    done: list[str] = []
    try:
        return _until_done(session, look, done, what=what, dry_run=dry_run)
    except AwsAuthError as error:
        error.cure = f"{_so_far(done, error)} {error.cure}".strip()
        raise


def _until_done(
    session: AwsSession,
    look: Callable[[], tuple[RoleSetup, list[Step]]],
    done: list[str],
    *,
    what: str,
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
        all(_does(session, step, done, what) for step in missing)  # not those behind one in which another was quicker
        if not waiting.wait():
            break
    if [step for step in steps if step.text not in done]:
        raise RoleError(f"{what} is being changed by somebody else, again and again.", cure="Run it again later.")
    unseen = "AWS does not show all of it everywhere yet, which takes a minute at most"
    return replace(setup, steps=tuple(done), notes=(*setup.notes, unseen))


def _does(session: AwsSession, step: Step, done: list[str], what: str) -> bool:
    """Do a step, and return False where somebody else was quicker."""
    waiting = Backoff()  # as long as one part of AWS may not know what was just made in another
    while True:
        try:
            with translated(f"{what} is not set up: could not {step.text}", session, service=step.service, look=_LOOK):
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


def _so_far(done: list[str], error: AwsAuthError) -> str:
    if not done:
        return "" if isinstance(error, OutcomeUnknownError) else "Nothing was changed."
    return f"Done before that, and not done again in another run: {'; '.join(done)}."
