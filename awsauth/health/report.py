"""What a health check found: its steps, in the order in which they depend on each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from awsauth.boundary import public
from awsauth.core.serialization import JsonValue, in_json
from awsauth.core.text.display import visible
from awsauth.errors import CredentialsError

if TYPE_CHECKING:
    from awsauth.errors import AwsAuthError

StepResult = Literal["passed", "failed", "skipped"]

STEPS: Final = ("credentials", "identity", "token", "api-server", "authenticated", "authorised", "drift")
"""Where AWS credentials come from; whom STS takes their holder for; a token signed with them; the API server reached,
with the right certificate; whom it takes the token's holder for; what that one may do; whether another tool removed nodes or administrators."""

NEEDS_EARLIER: Final = "It needs what failed before it."


@dataclass(frozen=True, slots=True)
@public
class HealthStep(JsonValue):
    """One step of a health check.

    Attributes:
        name: One of `STEPS`, or ``connection`` where it did not come to them.
        result: ``passed``, ``failed`` or ``skipped``.
        detail: What was found, or why it was skipped; empty for a failed one.
        seconds: How long it took.
        cause: Why it failed.
        hint: What to do about that; may have several lines, some to be pasted.
    """

    name: str
    result: StepResult
    detail: str = ""
    seconds: float = 0.0
    cause: str = ""
    hint: str = ""

    def __str__(self) -> str:
        lines = [f"{self.result:8}{self.name:14}{self.seconds:6.2f} s  {self.detail or self.cause}"]
        lines += [f"        {line}" for line in self.hint.splitlines()]
        return "\n".join(line.rstrip() for line in lines)


@dataclass(frozen=True, slots=True)
@public
class HealthReport(JsonValue):
    """What a health check found. `str` gives it as text.

    Attributes:
        subject: What was checked: a cluster, for people.
        steps: The steps; after one that failed the others are skipped.
    """

    subject: str
    steps: tuple[HealthStep, ...]

    @property
    @in_json()
    def passed(self) -> bool:
        """Whether no step failed."""
        return self.failure is None

    @property
    def failure(self) -> HealthStep | None:
        """The step that failed; None where none did."""
        return next((step for step in self.steps if step.result == "failed"), None)

    def __str__(self) -> str:
        end = "It is healthy." if self.failure is None else f"It is not healthy: {self.failure.name} failed."
        return "\n".join([visible(self.subject), *map(str, self.steps), end])


def unconnected(error: AwsAuthError, subject: str, seconds: float) -> HealthReport:
    """Return what there is to report where not even a connection could be prepared."""
    failed = "credentials" if isinstance(error, CredentialsError) else "connection"
    steps = [HealthStep(failed, "failed", seconds=seconds, cause=error.summary, hint=error.hint)]
    steps += [HealthStep(name, "skipped", NEEDS_EARLIER) for name in STEPS if name != failed]
    return HealthReport(subject, tuple(steps))
