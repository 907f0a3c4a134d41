"""The errors of this library, in one tree.

::

    AwsAuthError
    ├── UsageError (TypeError)             the arguments of the call do not fit
    ├── InvalidValueError (ValueError)     an ARN, account, username or group that cannot be written
    ├── MappingConflictError (ValueError)  the principal already has another mapping
    ├── EditError (ValueError)             the text cannot be edited safely
    ├── GuardError (ValueError)            a guard refuses the change
    ├── PlanError (ValueError)             the plan cannot be read or applied
    │   └── PlanOutdatedError              the object changed since the plan was made
    ├── PolicyError (ValueError)           the policy cannot be read, or is not valid
    ├── FragmentError (ValueError)         a fragment cannot be read, or contradicts another one
    ├── ManifestError (ValueError)         the file does not hold a ConfigMap that can be read or edited
    ├── FileError (OSError)                the file cannot be read or written
    │   └── FileChangedError               another writer changed the file; also a ConflictError
    ├── ConflictError                      another writer changed the object
    ├── HistoryError                       the history cannot be read, trusted or written
    │   ├── RevisionNotFoundError (LookupError)  the revision does not exist
    │   ├── RevisionTakenError             another revision has the number
    │   └── UnprovenHistoryError           the object proves no earlier state: name a revision
    ├── KubeconfigError (ValueError)       the kubeconfig is missing, invalid, or gives no credentials
    ├── UnreachableError (ConnectionError) the API server did not answer
    ├── ApiError                           the API server refused the request
    │   ├── AuthenticationError (PermissionError)  it does not know the caller (401)
    │   ├── ForbiddenError (PermissionError)       RBAC does not allow the request (403)
    │   ├── NotFoundError (LookupError)            the object does not exist (404)
    │   ├── AdmissionError                         a policy or webhook refused the request
    │   └── UnavailableError                       it cannot answer at the moment (429, 500, 502, 503, 504)
    ├── CredentialsError                   AWS credentials are missing, expired or refused, or the clock is wrong
    ├── AwsServiceError                    an AWS service refused a call, or did not answer
    │   ├── AwsPermissionError (PermissionError)  IAM does not allow the call
    │   └── ClusterNotFoundError (LookupError)    the EKS cluster does not exist in this region and account
    ├── RoleError                          the role is missing, misconfigured or ambiguous
    ├── RecoveryError                      the recovery failed, or cannot work
    ├── RevertedError                      a new token was refused, and the change was reverted
    ├── NotRevertedError                   a new token was refused, and the change could not be reverted
    ├── OutcomeUnknownError                a write was not answered; it may or may not be done
    └── InternalError (RuntimeError)       memory or the call stack is exhausted, or this library has a defect

Each error has a message, a location and a hint. Its `changed` says whether the call changed anything before it failed.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsauth.core.findings import Finding, Location


class AwsAuthError(Exception):
    """Base of all errors of this library. Keyword arguments set the attributes.

    Attributes:
        message: The problem, in one sentence.
        location: The object, entry or line at fault; empty if `message` names it.
        hint: What to do next; empty if there is nothing to do.
        changed: Whether the call changed the data of ``aws-auth``, the file or AWS before it failed. False: nothing.
            True: some of its steps are done; the message or the hint names them. None: unknown; look before you
            repeat the call. A revision that was only recorded is not a change, nor is one that was reverted.
    """

    changed: bool | None = False

    def __init__(self, message: str, *, location: str = "", hint: str = "", **attributes: Any) -> None:
        super().__init__(message)
        self.message = message
        self.location = location
        self.hint = hint
        for name, value in attributes.items():
            if not hasattr(type(self), name):
                raise TypeError(f"{type(self).__name__}() got an unexpected keyword argument {name!r}")
            setattr(self, name, value)

    @property
    def summary(self) -> str:
        """The location and the message, without the hint."""
        return f"{self.location}: {self.message}" if self.location else self.message

    def __str__(self) -> str:
        return f"{self.summary}\n{self.hint}" if self.hint else self.summary


class UsageError(AwsAuthError, TypeError):
    """The arguments do not fit, such as two targets or an empty name."""


class InvalidValueError(AwsAuthError, ValueError):
    """A value cannot be written, such as a group with a line break."""


class MappingConflictError(AwsAuthError, ValueError):
    """The principal has another mapping; the call does not say whether to replace it."""


class EditError(AwsAuthError, ValueError):
    """The text cannot be edited without touching other parts of it.

    Attributes:
        place: The place in the data, in words in `location`; None if it is not a single place.
    """

    place: Location | None = None

    def __init__(self, message: str, *, location: str = "", place: Location | None = None, **attributes: Any) -> None:
        super().__init__(message, location=str(place) if place else location, place=place, **attributes)


class GuardError(AwsAuthError, ValueError):
    """A guard refuses the change, and `allow` does not name that guard.

    Attributes:
        findings: The reasons; the code of each finding is the name of the guard.
    """

    findings: tuple[Finding, ...] = ()


class PlanError(AwsAuthError, ValueError):
    """The plan cannot be read, or cannot be applied (`PlanOutdatedError`)."""


class PlanOutdatedError(PlanError):
    """The plan no longer matches: the object changed, or a different object was given."""


class PolicyError(AwsAuthError, ValueError):
    """The policy cannot be read, or is not valid."""


class FragmentError(AwsAuthError, ValueError):
    """A fragment cannot be read, or it contradicts another one."""


class ManifestError(AwsAuthError, ValueError):
    """The file does not hold an ``aws-auth`` ConfigMap that can be read or edited."""


class FileError(AwsAuthError, OSError):
    """The file cannot be read or written."""


class ConflictError(AwsAuthError):
    """Another writer changed the object since it was read."""


class FileChangedError(FileError, ConflictError):
    """Another writer changed the file since it was read."""


class HistoryError(AwsAuthError):
    """The history, or a revision in it, cannot be read, trusted or written."""


class RevisionNotFoundError(HistoryError, LookupError):
    """The revision does not exist: it was never recorded, or it was pruned."""


class RevisionTakenError(HistoryError):
    """Another revision has the number.

    Another writer made it, or a writer that was stopped left it.
    """


class UnprovenHistoryError(HistoryError):
    """The object does not prove any earlier revision; the call has to name one.

    Attributes:
        revisions: The numbers of the candidates, newest first.
    """

    revisions: tuple[int, ...] = ()


class KubeconfigError(AwsAuthError, ValueError):
    """The kubeconfig is missing or unusable, or gives no credentials.

    No request was sent. Also for a certificate, key or proxy that cannot be used, and for credentials that would go to
    ``http://``.
    """


class UnreachableError(AwsAuthError, ConnectionError):
    """The API server did not answer; no write was sent.

    Its name is unknown, it refuses the connection, its certificate cannot be verified, or a read timed out.
    """


class ApiError(AwsAuthError):
    """The API server refused the request.

    Attributes:
        status: The HTTP status, such as 409.
        reason: The reason in Kubernetes' ``Status``, such as ``AlreadyExists``; may be empty.
        details: The ``details`` of the ``Status``: group, kind, name, causes; may be empty.
        stamp: The server's clock, as its ``Date`` header; empty if the server did not send it.
    """

    status: int = 0
    reason: str = ""
    details: Mapping[str, Any] = MappingProxyType({})
    stamp: str = ""


class AuthenticationError(ApiError, PermissionError):
    """The API server rejects missing, wrong or expired credentials."""


class ForbiddenError(ApiError, PermissionError):
    """RBAC does not allow the request.

    Attributes:
        rule: The missing rule, as YAML for the list ``rules``; empty if it is unknown.
        role: The kind of role that needs the rule: ``Role`` or ``ClusterRole``.
    """

    rule: str = ""
    role: str = ""


class NotFoundError(ApiError, LookupError):
    """The object, or its kind, does not exist."""


class AdmissionError(ApiError):
    """RBAC allowed the request; admission or the namespace's state refused it."""


class UnavailableError(ApiError):
    """The API server cannot answer at the moment.

    Attributes:
        retry_after: The seconds that it asks to wait; 0 if it does not say.
    """

    retry_after: float = 0.0


class CredentialsError(AwsAuthError):
    """AWS credentials are missing, expired or refused.

    A wrong clock can make them look so.
    """


class AwsServiceError(AwsAuthError):
    """An AWS service refused a call, or did not answer.

    Attributes:
        code: The error code of AWS, such as ``NoSuchEntity``; may be empty.
    """

    code: str = ""


class AwsPermissionError(AwsServiceError, PermissionError):
    """IAM does not allow the call.

    Attributes:
        action: The action in the syntax of a policy: ``eks:DescribeCluster``.
        resource: The ARN of the resource, or ``*``.
    """

    action: str = ""
    resource: str = "*"


class ClusterNotFoundError(AwsServiceError, LookupError):
    """The EKS cluster does not exist in this region and account."""


class RoleError(AwsAuthError):
    """A role, instance profile or instance is missing, wrong or ambiguous."""


class RevertedError(AwsAuthError):
    """A new token of the caller or a named role was refused; the change is reverted.

    Attributes:
        revision: The number of the revision that was reverted.
        restored: The number of the revision whose state is back.
    """

    revision: int = 0
    restored: int = 0


class NotRevertedError(AwsAuthError):
    """A new token was refused, and the change could not be reverted.

    Attributes:
        revision: The number of the revision that is in force.
        restores: The number of the revision to go back to; 0 if there was no ``aws-auth`` before.
    """

    changed = True
    revision: int = 0
    restores: int = 0


class RecoveryError(AwsAuthError):
    """The recovery of a cluster failed.

    The hint lists the steps that are done, and their leftovers.
    """


class OutcomeUnknownError(AwsAuthError):
    """A write was sent and not answered: it may be done, may still be done, or not."""

    changed = None


class InternalError(AwsAuthError, RuntimeError):
    """Memory or stack ran out, or this library has a defect.

    The cause is the Python exception.
    """

    changed = None
