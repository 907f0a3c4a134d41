"""How a command went, as its exit code says it."""

from __future__ import annotations

import errno
from typing import Final

from awsauth import errors

DONE: Final = 0
FOUND: Final = 1
USAGE: Final = 2
REFUSED: Final = 3
NOT_FOUND: Final = 4
NOT_ALLOWED: Final = 5
CONFLICT: Final = 6
UNREACHED: Final = 7
UNFIT: Final = 8
INTERRUPTED: Final = 130
READER_GONE: Final = 141

MEANINGS: Final = {
    DONE: "done, or nothing to do",
    FOUND: "`diff`, `plan`, `check`, `health` or `explain --exit-code` found something, or you were asked and said no",
    USAGE: "the command line makes no sense, or a file that it reads is not there",
    REFUSED: "a guard refuses the change, or it was taken back because somebody did not get in",
    NOT_FOUND: "there is no such thing: manifest, revision, cluster, role, or nothing that matches",
    NOT_ALLOWED: "not allowed: by RBAC, IAM, an admission policy, or file permissions",
    CONFLICT: "a conflict: with what is mapped, with another writer, or with what was approved",
    UNREACHED: "could not reach it, or the outcome is unknown or not what it should be",
    UNFIT: "what is there cannot be worked with: text, manifest or history; or a defect of this program",
    INTERRUPTED: "interrupted",
    READER_GONE: "whoever read the output has gone",
}
"""Every code, for the help."""

CODES: Final[dict[type[errors.AwsAuthError], int]] = {
    errors.AwsAuthError: UNFIT,
    errors.UsageError: USAGE,
    errors.InvalidValueError: USAGE,
    errors.PolicyError: USAGE,
    errors.FragmentError: USAGE,
    errors.PlanError: USAGE,
    errors.PlanOutdatedError: CONFLICT,
    errors.MappingConflictError: CONFLICT,
    errors.ConflictError: CONFLICT,
    errors.FileChangedError: CONFLICT,
    errors.RevisionTakenError: CONFLICT,
    errors.GuardError: REFUSED,
    errors.EditError: UNFIT,
    errors.ManifestError: UNFIT,
    errors.FileError: UNFIT,
    errors.HistoryError: UNFIT,
    errors.UnprovenHistoryError: REFUSED,
    errors.RevisionNotFoundError: NOT_FOUND,
    errors.NotFoundError: NOT_FOUND,
    errors.ClusterNotFoundError: NOT_FOUND,
    errors.RoleError: NOT_FOUND,
    errors.AuthenticationError: NOT_ALLOWED,
    errors.ForbiddenError: NOT_ALLOWED,
    errors.AdmissionError: NOT_ALLOWED,
    errors.CredentialsError: NOT_ALLOWED,
    errors.AwsPermissionError: NOT_ALLOWED,
    errors.ApiError: UNFIT,
    errors.KubeconfigError: UNREACHED,
    errors.UnreachableError: UNREACHED,
    errors.UnavailableError: UNREACHED,
    errors.AwsServiceError: UNREACHED,
    errors.OutcomeUnknownError: UNREACHED,
    errors.NotRevertedError: UNREACHED,
    errors.RevertedError: REFUSED,
    errors.RecoveryError: UNFIT,
    errors.InternalError: UNFIT,
}
"""By class of error: all of them, so that a new one is given some thought."""

_OF_FILES: Final = {
    errno.ENOENT: NOT_FOUND,
    errno.EACCES: NOT_ALLOWED,
    errno.EPERM: NOT_ALLOWED,
    errno.EROFS: NOT_ALLOWED,
}


def code_of(error: BaseException) -> int:
    """Return the exit code for an error."""
    if type(error) is errors.FileError and error.errno in _OF_FILES:
        return _OF_FILES[error.errno]
    return next((CODES[kind] for kind in type(error).__mro__ if kind in CODES), UNFIT)
