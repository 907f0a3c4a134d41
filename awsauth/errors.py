"""Everything that this library raises, in one tree.

::

    AwsAuthError
    ├── UsageError (TypeError)             the call itself makes no sense; nothing was contacted
    ├── InvalidValueError (ValueError)     an ARN, username, group or account that may not be written
    ├── MappingConflictError (ValueError)  the principal is mapped already, to something else
    ├── EditError (ValueError)             the text cannot be changed safely
    ├── GuardError (ValueError)            the change would lock somebody out, and is not allowed by name
    ├── PlanError (ValueError)             the plan cannot be read, or is not for this object in this state
    │   └── PlanOutdatedError              something else would come of it now; nothing was changed
    ├── PolicyError (ValueError)           the policy cannot be read, or says what no policy can
    ├── FragmentError (ValueError)         a fragment cannot be read, or contradicts another one
    ├── ManifestError (ValueError)         the file holds no ConfigMap that can be read or edited
    ├── FileError (OSError)                the file cannot be read or written
    │   └── FileChangedError               somebody else wrote the file in the meantime; a ConflictError, too
    ├── ConflictError                      the object is no longer the one that was read; nothing was changed
    ├── HistoryError                       the history cannot be read, trusted or written
    │   ├── RevisionNotFoundError (LookupError)  there is no such revision
    │   ├── RevisionTakenError             another revision has the number already
    │   └── UnprovenHistoryError           no earlier state is proven: a revision has to be named
    ├── KubeconfigError (ValueError)       there is no kubeconfig, or no credentials come of it; nothing was sent
    ├── UnreachableError (ConnectionError) no answer came, and nothing that could change anything was sent
    ├── ApiError                           the API server refused; nothing was changed
    │   ├── AuthenticationError (PermissionError)  it does not know who is asking (401)
    │   ├── ForbiddenError (PermissionError)       it knows, and the one may not do that (403)
    │   ├── NotFoundError (LookupError)            there is no such object (404)
    │   ├── AdmissionError                         a policy or a webhook refused the request, in its own words
    │   └── UnavailableError                       it cannot answer at the moment (429, 500, 502, 503, 504)
    ├── CredentialsError                   AWS credentials are missing, expired or refused, or the clock is wrong
    ├── AwsServiceError                    an AWS service refused a call, or did not answer
    │   ├── AwsPermissionError (PermissionError)  IAM does not allow the call
    │   └── ClusterNotFoundError (LookupError)    there is no such EKS cluster in the region and account
    ├── RoleError                          a role is not as it would have to be, or not the only one that fits
    ├── RecoveryError                      getting back into a cluster did not work, or cannot
    ├── RevertedError                      the change was made, somebody did not get in, and it was taken back
    ├── NotRevertedError                   the change was made, somebody did not get in, and it could not be taken back
    ├── OutcomeUnknownError                a write was sent, and it cannot be told whether it was made
    └── InternalError (RuntimeError)       memory or the call stack is used up, or this library has a defect

Every error says what happened and where, what to do next, and whether anything was changed: mostly nothing was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsauth.core.findings import Finding, Location


class AwsAuthError(Exception):
    """Base of all errors of this library.

    Attributes:
        message: What happened, one sentence.
        location: The object, entry or place it happened at; empty when `message` says it.
        hint: What to do next; empty when there is nothing to do.
        changed: Whether the call changed the data of ``aws-auth``, the file or AWS before it failed. False: nothing.
            True: some of its steps are done; the message or the hint names them. None: unknown; look before you
            repeat the call. A revision that was only recorded is not a change, nor is one that was reverted.
    """

    changed: bool | None = False

    def __init__(self, message: str, *, location: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.location = location
        self.hint = hint

    @property
    def summary(self) -> str:
        """What happened, and where; without what to do about it."""
        return f"{self.location}: {self.message}" if self.location else self.message

    def __str__(self) -> str:
        return f"{self.summary}\n{self.hint}" if self.hint else self.summary

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.__dict__)


def _rebuild(kind: type[AwsAuthError], state: dict[str, Any]) -> AwsAuthError:
    """Make an error again after pickling: keyword arguments do not survive `Exception.__reduce__`."""
    error = kind.__new__(kind)
    Exception.__init__(error, state["message"])
    error.__dict__.update(state)
    return error


class UsageError(AwsAuthError, TypeError):
    """The call makes no sense: conflicting targets, an empty name, a bare string for groups."""


class InvalidValueError(AwsAuthError, ValueError):
    """A value that may not be written: an ARN that is none, a group with a newline."""


class MappingConflictError(AwsAuthError, ValueError):
    """The principal is mapped already, and the caller has not said what is to become of that."""


class EditError(AwsAuthError, ValueError):
    """The text cannot be changed without touching what the change does not concern.

    Attributes:
        place: Where in the data it cannot; None if that is not one place. `location` holds the same as text.
    """

    def __init__(self, message: str, *, location: str = "", hint: str = "", place: Location | None = None) -> None:
        super().__init__(message, location=str(place) if place else location, hint=hint)
        self.place = place


class GuardError(AwsAuthError, ValueError):
    """The change would lock somebody out, or do other harm, and nobody has allowed that by name.

    Attributes:
        findings: Every reason, each a `Finding`; its code is the name of the guard.
    """

    def __init__(self, message: str, *, location: str = "", hint: str = "", findings: tuple[Finding, ...] = ()) -> None:
        super().__init__(message, location=location, hint=hint)
        self.findings = findings


class PlanError(AwsAuthError, ValueError):
    """The plan cannot be read, or cannot be applied (`PlanOutdatedError`)."""


class PlanOutdatedError(PlanError):
    """What was approved is not what would come of it now: the object, or which object it is, has changed since."""


class PolicyError(AwsAuthError, ValueError):
    """The policy cannot be read, or says what no policy can."""


class FragmentError(AwsAuthError, ValueError):
    """A fragment cannot be read, or it contradicts another one."""


class ManifestError(AwsAuthError, ValueError):
    """The file holds no ``aws-auth`` ConfigMap that can be read, or not in a form that can be edited."""


class FileError(AwsAuthError, OSError):
    """The file cannot be read or written."""


class ConflictError(AwsAuthError):
    """The object is no longer the one that was read; nothing was written."""


class FileChangedError(FileError, ConflictError):
    """The file is no longer the one that was read; nothing was written."""


class HistoryError(AwsAuthError):
    """The history, or one revision in it, cannot be read, trusted or written."""


class RevisionNotFoundError(HistoryError, LookupError):
    """There is no such revision: it never was, or it was pruned."""


class RevisionTakenError(HistoryError):
    """A revision of that number is there already: of another writer, or left over from one that was stopped."""


class UnprovenHistoryError(HistoryError):
    """The object does not prove that it was at any earlier revision, so one has to be named; nothing was changed.

    Attributes:
        revisions: The numbers of those that come into question, newest first.
    """

    def __init__(self, message: str, *, location: str = "", hint: str = "", revisions: tuple[int, ...] = ()) -> None:
        super().__init__(message, location=location, hint=hint)
        self.revisions = revisions


class KubeconfigError(AwsAuthError, ValueError):
    """No kubeconfig was found, it cannot be read or used, or no credentials come of it; no request was sent.

    Among what cannot be used: a certificate, a key, a proxy; and what would be unsafe, such as credentials for an address
    with ``http://``.
    """


class UnreachableError(AwsAuthError, ConnectionError):
    """No answer came from the API server, and nothing that could change anything was sent.

    Its name is unknown, it refuses the connection, its certificate cannot be verified, or a read timed out.
    """


class ApiError(AwsAuthError):
    """The API server answered, and refused; nothing was changed.

    Attributes:
        status: The HTTP status, such as 409.
        reason: The reason in a word, as Kubernetes' ``Status`` has it, such as ``AlreadyExists``; may be empty.
        details: The ``details`` of the ``Status``: group, kind, name, causes; may be empty.
        stamp: The server's clock when it answered, as its ``Date`` header; empty where it did not say.
    """

    stamp: str = ""

    def __init__(
        self,
        message: str,
        *,
        location: str = "",
        hint: str = "",
        status: int = 0,
        reason: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, location=location, hint=hint)
        self.status = status
        self.reason = reason
        self.details: dict[str, Any] = dict(details or {})


class AuthenticationError(ApiError, PermissionError):
    """The API server does not know who is asking: no credentials, or they are wrong or have expired."""


class ForbiddenError(ApiError, PermissionError):
    """RBAC does not let this user do that.

    Attributes:
        rule: The rule that is missing, as YAML that can be pasted under ``rules``; empty where it is not known.
        role: The kind of role that it goes into: ``Role`` or ``ClusterRole``.
    """

    rule: str = ""
    role: str = ""


class NotFoundError(ApiError, LookupError):
    """There is no such object, or no such kind of object."""


class AdmissionError(ApiError):
    """A policy, a webhook or the namespace's own state refused the request; RBAC had let it pass."""


class UnavailableError(ApiError):
    """The API server cannot answer at the moment; later it may.

    Attributes:
        retry_after: For how many seconds it asks to be left alone; 0 where it does not say.
    """

    retry_after: float = 0.0


class CredentialsError(AwsAuthError):
    """AWS credentials are missing, have expired, or are refused, or a wrong clock makes them look so."""


class AwsServiceError(AwsAuthError):
    """An AWS service refused a call, or did not answer.

    Attributes:
        code: The code that AWS gave, such as ``NoSuchEntity``; empty where it gave none.
    """

    def __init__(self, message: str, *, location: str = "", hint: str = "", code: str = "") -> None:
        super().__init__(message, location=location, hint=hint)
        self.code = code


class AwsPermissionError(AwsServiceError, PermissionError):
    """IAM does not allow the call.

    Attributes:
        action: What is not allowed, as a policy names it: ``eks:DescribeCluster``.
        resource: On what: an ARN, or ``*``.
    """

    def __init__(
        self, message: str, *, location: str = "", hint: str = "", code: str = "", action: str = "", resource: str = "*"
    ) -> None:
        super().__init__(message, location=location, hint=hint, code=code)
        self.action = action
        self.resource = resource


class ClusterNotFoundError(AwsServiceError, LookupError):
    """There is no EKS cluster of that name in the region and account that were looked in."""


class RoleError(AwsAuthError):
    """An IAM role, an instance profile or an instance is not as it would have to be, or there is none or several."""


class RevertedError(AwsAuthError):
    """The change was made, and reverted because somebody who was named did not get in with a fresh token.

    Attributes:
        revision: The number of the revision that was reverted.
        restored: The number of the revision whose state is back.
    """

    def __init__(
        self, message: str, *, location: str = "", hint: str = "", revision: int = 0, restored: int = 0
    ) -> None:
        super().__init__(message, location=location, hint=hint)
        self.revision = revision
        self.restored = restored


class NotRevertedError(AwsAuthError):
    """The change was made, somebody who was named did not get in, and taking it back failed: it is still in force.

    Attributes:
        revision: The number of the revision that is in force.
        restores: The number of the revision to go back to; 0 where there was no ``aws-auth`` before.
    """

    changed = True

    def __init__(
        self, message: str, *, location: str = "", hint: str = "", revision: int = 0, restores: int = 0
    ) -> None:
        super().__init__(message, location=location, hint=hint)
        self.revision = revision
        self.restores = restores


class RecoveryError(AwsAuthError):
    """The recovery of a cluster failed, or cannot work; the hint lists the steps that are done and what they left."""


class OutcomeUnknownError(AwsAuthError):
    """A write was sent and not answered: it may have been made, or may still be made, or not."""

    changed = None


class InternalError(AwsAuthError, RuntimeError):
    """Memory or the call stack is used up, or this library has a defect; its cause is the Python exception.

    A call that writes may have written before it failed.
    """

    changed = None
