"""The report of a health check: its steps in order; each needs those before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from awsauth.core.serialization import JsonValue, in_json
from awsauth.core.text.display import visible
from awsauth.errors import AwsAuthError, CredentialsError

# The steps of a health check. They are the source of the AWS credentials; the identity that STS sees; a token
# signed with them; the connection and certificate of the API server; the identity that it sees; the rights of that
# identity; whether another tool removed nodes or administrators; and whether nodes can join.
STEPS: Final = ("credentials", "identity", "token", "api-server", "authenticated", "authorised", "drift", "nodes")

NEEDS_EARLIER: Final = "not checked, because an earlier step failed"


@dataclass(frozen=True, slots=True)
class HealthStep(JsonValue):
    """One step of a health check.

    Attributes:
        name: One of `STEPS`, or ``connection`` if no connection could be prepared.
        result: ``passed``, ``failed`` or ``skipped``; or ``warning`` if the caller gets in, but nodes may not.
        detail: The finding, or why it was skipped; empty for a failed step.
        seconds: How long it took.
        cause: Why it failed or warns.
        hint: The next action after a failure or warning; may have several lines, some to be pasted.
    """

    name: str
    result: Literal["passed", "failed", "skipped", "warning"]
    detail: str = ""
    seconds: float = 0.0
    cause: str = ""
    hint: str = ""

    def __str__(self) -> str:
        lines = [f"{self.result:8}{self.name:14}{self.seconds:6.2f} s  {self.detail or self.cause}"]
        lines += [f"        {line}" for line in self.hint.splitlines()]
        return "\n".join(line.rstrip() for line in lines)


@dataclass(frozen=True, slots=True)
class HealthReport(JsonValue):
    """The report of a health check. `str` gives it as text.

    Attributes:
        subject: The cluster that was checked, for people.
        steps: The steps; those after a failed one are skipped.
    """

    subject: str
    steps: tuple[HealthStep, ...]

    @property
    @in_json()
    def passed(self) -> bool:
        """Whether no step failed."""
        return not self.failure

    @property
    def failure(self) -> HealthStep | None:
        """The step that failed, or None."""
        return next((step for step in self.steps if step.result == "failed"), None)

    def __str__(self) -> str:
        warnings = [step.name for step in self.steps if step.result == "warning"]
        end = f"No step failed. Look at the warning: {', '.join(warnings)}." if warnings else "It is healthy."
        end = f"It is not healthy: {self.failure.name} failed." if self.failure else end
        return "\n".join([visible(self.subject), *map(str, self.steps), end])


def unconnected(error: AwsAuthError, subject: str, seconds: float) -> HealthReport:
    """Return the report if no connection could be prepared."""
    failed = "credentials" if isinstance(error, CredentialsError) else "connection"
    steps = [HealthStep(failed, "failed", seconds=seconds, cause=error.summary, hint=error.hint)]
    steps += [HealthStep(name, "skipped", NEEDS_EARLIER) for name in STEPS if name != failed]
    return HealthReport(subject, tuple(steps))
