"""Manage the ``aws-auth`` ConfigMap of Amazon EKS clusters.

Importing this loads nothing heavy: every name is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from awsauth.version import __version__ as __version__

if TYPE_CHECKING:
    from awsauth.aws.attachment import attach_instance_role
    from awsauth.aws.identity import Identity
    from awsauth.aws.role_setup import RoleSetup
    from awsauth.aws.roles import ensure_instance_role
    from awsauth.client import AwsAuthClient
    from awsauth.core.access_changes import AccessChange, UserInfo
    from awsauth.core.caller import Caller
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
        Repair,
        ReplaceText,
    )
    from awsauth.core.diff import Diff, MappingDiff, diff
    from awsauth.core.document import Document
    from awsauth.core.explain import explain
    from awsauth.core.explanation import Candidate, Explanation, Outcome, Step
    from awsauth.core.finding import Finding, Place, Severity
    from awsauth.core.lint import fixes, lint
    from awsauth.core.mappings import RoleMapping, SsoMatch, UserMapping
    from awsauth.core.merge import merge
    from awsauth.core.overview import Listed, overview
    from awsauth.core.plan import Plan
    from awsauth.core.policy import Policy
    from awsauth.core.reading import Mapped
    from awsauth.core.restoration import Effect, Restoration
    from awsauth.core.revision import Revision
    from awsauth.core.revision_info import RevisionInfo
    from awsauth.core.saved import saved_from_text
    from awsauth.core.who_can import Grant, Grants, who_can
    from awsauth.errors import (
        AdmissionError,
        ApiError,
        AuthenticationError,
        AwsAuthError,
        AwsPermissionError,
        AwsServiceError,
        ClusterNotFoundError,
        ConflictError,
        CredentialsError,
        EditError,
        FileChangedError,
        FileError,
        ForbiddenError,
        GuardError,
        HistoryError,
        InternalError,
        InvalidValueError,
        KubeconfigError,
        ManifestError,
        MappingConflictError,
        NotFoundError,
        NotRevertedError,
        OutcomeUnknownError,
        PlanError,
        PlanOutdatedError,
        PolicyError,
        RecoveryError,
        RevertedError,
        RevisionNotFoundError,
        RevisionTakenError,
        RoleError,
        UnavailableError,
        UnprovenHistoryError,
        UnreachableError,
        UsageError,
    )
    from awsauth.functions import (
        add_account_mapping,
        add_node_role,
        add_role_mapping,
        add_sso_mapping,
        add_user_mapping,
        connect,
        health_check,
        remove_account_mapping,
        remove_groups,
        remove_role_mapping,
        remove_user_mapping,
        remove_username,
        rename_principal,
        whoami,
    )
    from awsauth.health import HealthReport, HealthStep
    from awsauth.history.log import Log, LogEntry
    from awsauth.kube.review import Review
    from awsauth.options import Options
    from awsauth.origins import ServerOptions
    from awsauth.planning import Planning
    from awsauth.recovery.recovering import recover
    from awsauth.recovery.report import Leftover, Recovery, RecoveryPlan, RecoveryStep
    from awsauth.result import Result
    from awsauth.target import Target
    from awsauth.transaction import Transaction


__all__ = [
    "AccessChange",
    "AdmissionError",
    "ApiError",
    "AuthenticationError",
    "AwsAuthClient",
    "AwsAuthError",
    "AwsPermissionError",
    "AwsServiceError",
    "Caller",
    "Candidate",
    "Change",
    "ClusterNotFoundError",
    "ConflictError",
    "CredentialsError",
    "Deduplicate",
    "Diff",
    "Document",
    "EditError",
    "Effect",
    "EnsureAccount",
    "EnsureRole",
    "EnsureUser",
    "Explanation",
    "FileChangedError",
    "FileError",
    "Finding",
    "ForbiddenError",
    "Grant",
    "Grants",
    "GuardError",
    "HealthReport",
    "HealthStep",
    "HistoryError",
    "Identity",
    "InternalError",
    "InvalidValueError",
    "KubeconfigError",
    "Leftover",
    "Listed",
    "Log",
    "LogEntry",
    "ManifestError",
    "Mapped",
    "MappingConflictError",
    "MappingDiff",
    "NotFoundError",
    "NotRevertedError",
    "Options",
    "Outcome",
    "OutcomeUnknownError",
    "Place",
    "Plan",
    "PlanError",
    "PlanOutdatedError",
    "Planning",
    "Policy",
    "PolicyError",
    "Recovery",
    "RecoveryError",
    "RecoveryPlan",
    "RecoveryStep",
    "RemoveAccount",
    "RemoveGroups",
    "RemoveRole",
    "RemoveUser",
    "RemoveUsername",
    "RenamePrincipal",
    "Repair",
    "ReplaceText",
    "Restoration",
    "Result",
    "RevertedError",
    "Review",
    "Revision",
    "RevisionInfo",
    "RevisionNotFoundError",
    "RevisionTakenError",
    "RoleError",
    "RoleMapping",
    "RoleSetup",
    "ServerOptions",
    "Severity",
    "SsoMatch",
    "Step",
    "Target",
    "Transaction",
    "UnavailableError",
    "UnprovenHistoryError",
    "UnreachableError",
    "UsageError",
    "UserInfo",
    "UserMapping",
    "add_account_mapping",
    "add_node_role",
    "add_role_mapping",
    "add_sso_mapping",
    "add_user_mapping",
    "attach_instance_role",
    "connect",
    "diff",
    "ensure_instance_role",
    "explain",
    "fixes",
    "health_check",
    "lint",
    "merge",
    "overview",
    "recover",
    "remove_account_mapping",
    "remove_groups",
    "remove_role_mapping",
    "remove_user_mapping",
    "remove_username",
    "rename_principal",
    "saved_from_text",
    "who_can",
    "whoami",
]

_HOMES: Final = {
    "awsauth.aws.attachment": "attach_instance_role",
    "awsauth.aws.identity": "Identity",
    "awsauth.aws.role_setup": "RoleSetup",
    "awsauth.aws.roles": "ensure_instance_role",
    "awsauth.client": "AwsAuthClient",
    "awsauth.core.access_changes": "AccessChange UserInfo",
    "awsauth.core.caller": "Caller",
    "awsauth.core.changes": (
        "Change Deduplicate EnsureAccount EnsureRole EnsureUser RemoveAccount RemoveGroups "
        "RemoveRole RemoveUser RemoveUsername RenamePrincipal Repair ReplaceText"
    ),
    "awsauth.core.diff": "Diff MappingDiff diff",
    "awsauth.core.document": "Document",
    "awsauth.core.explain": "explain",
    "awsauth.core.explanation": "Candidate Explanation Outcome Step",
    "awsauth.core.finding": "Finding Place Severity",
    "awsauth.core.lint": "fixes lint",
    "awsauth.core.mappings": "RoleMapping SsoMatch UserMapping",
    "awsauth.core.merge": "merge",
    "awsauth.core.overview": "Listed overview",
    "awsauth.core.plan": "Plan",
    "awsauth.core.policy": "Policy",
    "awsauth.core.reading": "Mapped",
    "awsauth.core.restoration": "Effect Restoration",
    "awsauth.core.revision": "Revision",
    "awsauth.core.revision_info": "RevisionInfo",
    "awsauth.core.saved": "saved_from_text",
    "awsauth.core.who_can": "Grant Grants who_can",
    "awsauth.errors": (
        "AdmissionError ApiError AuthenticationError AwsAuthError AwsPermissionError "
        "AwsServiceError ClusterNotFoundError ConflictError CredentialsError EditError "
        "FileChangedError FileError ForbiddenError GuardError HistoryError InternalError InvalidValueError "
        "KubeconfigError ManifestError MappingConflictError NotFoundError NotRevertedError "
        "OutcomeUnknownError PlanError PlanOutdatedError PolicyError RecoveryError RevertedError "
        "RevisionNotFoundError RevisionTakenError RoleError UnavailableError "
        "UnprovenHistoryError UnreachableError UsageError"
    ),
    "awsauth.functions": (
        "add_account_mapping add_node_role add_role_mapping add_sso_mapping add_user_mapping "
        "connect health_check remove_account_mapping remove_groups remove_role_mapping "
        "remove_user_mapping remove_username rename_principal whoami"
    ),
    "awsauth.health": "HealthReport HealthStep",
    "awsauth.history.log": "Log LogEntry",
    "awsauth.kube.review": "Review",
    "awsauth.options": "Options",
    "awsauth.origins": "ServerOptions",
    "awsauth.planning": "Planning",
    "awsauth.recovery.recovering": "recover",
    "awsauth.recovery.report": "Leftover Recovery RecoveryPlan RecoveryStep",
    "awsauth.result": "Result",
    "awsauth.target": "Target",
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
