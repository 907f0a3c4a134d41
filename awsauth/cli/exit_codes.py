"""The exit codes, and the code of each error."""

from __future__ import annotations

import errno
from typing import Final

from awsauth import errors as e

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

# Every code, for the help.
MEANINGS: Final = {
    DONE: "done, or nothing to do",
    FOUND: "`diff`, `plan`, `check`, `health` or `explain --exit-code` found something, or you answered no",
    USAGE: "the command line is wrong, or a file that it names cannot be read",
    REFUSED: "a guard refuses the change, or the change was reverted because a token was refused",
    NOT_FOUND: "the manifest, revision, cluster or role does not exist, or nothing matches",
    NOT_ALLOWED: "not allowed by RBAC, IAM, an admission policy or file permissions",
    CONFLICT: "a conflict with a mapping, with another writer, or with the approved plan",
    UNREACHED: "a service could not be reached, or the outcome is unknown",
    UNFIT: "the text, the manifest or the history cannot be used; or awsauth has a defect",
    INTERRUPTED: "interrupted",
    READER_GONE: "the program that read the output has ended",
}

_ERRORS: Final[dict[int, tuple[type[e.AwsAuthError], ...]]] = {
    USAGE: (e.UsageError, e.InvalidValueError, e.PolicyError, e.PlanError, e.FragmentError),
    REFUSED: (e.GuardError, e.UnprovenHistoryError, e.RevertedError),
    NOT_FOUND: (e.RevisionNotFoundError, e.NotFoundError, e.ClusterNotFoundError, e.RoleError),
    NOT_ALLOWED: (e.AuthenticationError, e.ForbiddenError, e.AdmissionError, e.CredentialsError, e.AwsPermissionError),
    CONFLICT: (e.PlanOutdatedError, e.MappingConflictError, e.ConflictError, e.FileChangedError, e.RevisionTakenError),
    UNREACHED: (
        *(e.KubeconfigError, e.UnreachableError, e.UnavailableError),
        *(e.AwsServiceError, e.OutcomeUnknownError, e.NotRevertedError),
    ),
    UNFIT: (
        *(e.AwsAuthError, e.EditError, e.ManifestError, e.FileError),
        *(e.HistoryError, e.ApiError, e.RecoveryError, e.InternalError),
    ),
}

# The code of each class of errors. Every class is listed, so that the code of a new one is a decision.
CODES: Final = {kind: code for code, kinds in _ERRORS.items() for kind in kinds}

_OF_FILES: Final = {errno.ENOENT: NOT_FOUND, **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), NOT_ALLOWED)}


def code_of(error: BaseException) -> int:
    """Return the exit code for an error."""
    if type(error) is e.FileError and error.errno in _OF_FILES:
        return _OF_FILES[error.errno]
    return next((CODES[kind] for kind in type(error).__mro__ if kind in CODES), UNFIT)
