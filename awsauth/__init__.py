"""Manage the ``aws-auth`` ConfigMap of Amazon EKS clusters.

Importing this loads nothing heavy: every name is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from awsauth.core.changes import (
        Change,
        Deduplicate,
        EnsureAccount,
        EnsureRole,
        EnsureUser,
        RemoveAccount,
        RemoveGroups,
        RemoveRole,
        RemoveUser,
        RenamePrincipal,
        ReplaceText,
    )
    from awsauth.core.diff import Diff, MappingDiff, diff
    from awsauth.core.document import Document
    from awsauth.core.finding import Finding, Place, Severity
    from awsauth.core.mappings import RoleMapping, SsoMatch, UserMapping
    from awsauth.core.merge import merge
    from awsauth.errors import (
        AwsAuthError,
        EditError,
        FileChangedError,
        FileError,
        InvalidValueError,
        ManifestError,
        MappingConflictError,
        UsageError,
    )
    from awsauth.functions import Result, add_role_mapping

__version__ = "0.1.0"

__all__ = [
    "AwsAuthError",
    "Change",
    "Deduplicate",
    "Diff",
    "Document",
    "EditError",
    "EnsureAccount",
    "EnsureRole",
    "EnsureUser",
    "FileChangedError",
    "FileError",
    "Finding",
    "InvalidValueError",
    "ManifestError",
    "MappingConflictError",
    "MappingDiff",
    "Place",
    "RemoveAccount",
    "RemoveGroups",
    "RemoveRole",
    "RemoveUser",
    "RenamePrincipal",
    "ReplaceText",
    "Result",
    "RoleMapping",
    "Severity",
    "SsoMatch",
    "UsageError",
    "UserMapping",
    "add_role_mapping",
    "diff",
    "merge",
]

_HOMES: Final = {
    "awsauth.core.changes": (
        "Change Deduplicate EnsureAccount EnsureRole EnsureUser RemoveAccount RemoveGroups RemoveRole RemoveUser "
        "RenamePrincipal ReplaceText"
    ),
    "awsauth.core.diff": "Diff MappingDiff diff",
    "awsauth.core.document": "Document",
    "awsauth.core.finding": "Finding Place Severity",
    "awsauth.core.mappings": "RoleMapping SsoMatch UserMapping",
    "awsauth.core.merge": "merge",
    "awsauth.errors": (
        "AwsAuthError EditError FileChangedError FileError InvalidValueError ManifestError MappingConflictError UsageError"
    ),
    "awsauth.functions": "Result add_role_mapping",
}
_HOME: Final = {name: home for home, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
