"""Manage the ``aws-auth`` ConfigMap of Amazon EKS clusters.

Importing this loads nothing heavy: every name is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from awsauth.client import AwsAuthClient
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
        RemoveUsername,
        RenamePrincipal,
        ReplaceText,
    )
    from awsauth.core.diff import Diff, MappingDiff, diff
    from awsauth.core.document import Document
    from awsauth.core.finding import Finding, Place, Severity
    from awsauth.core.mappings import RoleMapping, SsoMatch, UserMapping
    from awsauth.core.merge import merge
    from awsauth.core.plan import Plan
    from awsauth.core.restoration import Restoration
    from awsauth.core.revision import Revision
    from awsauth.errors import (
        AwsAuthError,
        ConflictError,
        EditError,
        FileChangedError,
        FileError,
        GuardError,
        HistoryError,
        InvalidValueError,
        ManifestError,
        MappingConflictError,
        OutcomeUnknownError,
        PlanError,
        RevisionNotFoundError,
        RevisionTakenError,
        UsageError,
    )
    from awsauth.functions import (
        add_account_mapping,
        add_node_role,
        add_role_mapping,
        add_user_mapping,
        connect,
        remove_account_mapping,
        remove_groups,
        remove_role_mapping,
        remove_user_mapping,
        remove_username,
        rename_principal,
    )
    from awsauth.history.log import Log, LogEntry
    from awsauth.result import Result
    from awsauth.transaction import Transaction

__version__ = "0.1.0"

__all__ = [
    "AwsAuthClient",
    "AwsAuthError",
    "Change",
    "ConflictError",
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
    "GuardError",
    "HistoryError",
    "InvalidValueError",
    "Log",
    "LogEntry",
    "ManifestError",
    "MappingConflictError",
    "MappingDiff",
    "OutcomeUnknownError",
    "Place",
    "Plan",
    "PlanError",
    "RemoveAccount",
    "RemoveGroups",
    "RemoveRole",
    "RemoveUser",
    "RemoveUsername",
    "RenamePrincipal",
    "ReplaceText",
    "Restoration",
    "Result",
    "Revision",
    "RevisionNotFoundError",
    "RevisionTakenError",
    "RoleMapping",
    "Severity",
    "SsoMatch",
    "Transaction",
    "UsageError",
    "UserMapping",
    "add_account_mapping",
    "add_node_role",
    "add_role_mapping",
    "add_user_mapping",
    "connect",
    "diff",
    "merge",
    "remove_account_mapping",
    "remove_groups",
    "remove_role_mapping",
    "remove_user_mapping",
    "remove_username",
    "rename_principal",
]

_HOMES: Final = {
    "awsauth.client": "AwsAuthClient",
    "awsauth.core.changes": (
        "Change Deduplicate EnsureAccount EnsureRole EnsureUser RemoveAccount RemoveGroups "
        "RemoveRole RemoveUser RemoveUsername RenamePrincipal ReplaceText"
    ),
    "awsauth.core.diff": "Diff MappingDiff diff",
    "awsauth.core.document": "Document",
    "awsauth.core.finding": "Finding Place Severity",
    "awsauth.core.mappings": "RoleMapping SsoMatch UserMapping",
    "awsauth.core.merge": "merge",
    "awsauth.core.plan": "Plan",
    "awsauth.core.restoration": "Restoration",
    "awsauth.core.revision": "Revision",
    "awsauth.errors": (
        "AwsAuthError ConflictError EditError FileChangedError FileError GuardError HistoryError "
        "InvalidValueError ManifestError MappingConflictError OutcomeUnknownError PlanError "
        "RevisionNotFoundError RevisionTakenError UsageError"
    ),
    "awsauth.functions": (
        "add_account_mapping add_node_role add_role_mapping add_user_mapping connect "
        "remove_account_mapping remove_groups remove_role_mapping remove_user_mapping "
        "remove_username rename_principal"
    ),
    "awsauth.history.log": "Log LogEntry",
    "awsauth.result": "Result",
    "awsauth.transaction": "Transaction",
}
_HOME: Final = {name: home for home, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, *(name for name in globals() if name.startswith("__"))])
