"""Manage the ``aws-auth`` ConfigMap of Amazon EKS clusters.

Importing this loads nothing heavy: every name is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import Any, Final

from awsauth.version import __version__ as __version__

_HOMES: Final = {
    "awsauth.api": (
        "Target add_account_mapping add_node_role add_role_mapping add_sso_mapping add_user_mapping connect "
        "health_check remove_account_mapping remove_groups remove_role_mapping remove_user_mapping remove_username "
        "rename_principal whoami"
    ),
    "awsauth.apply": "Result",
    "awsauth.aws.identity": "ClusterIdentity Identity",
    "awsauth.aws.instance_role": "RoleSetup attach_instance_role ensure_instance_role",
    "awsauth.client": "AwsAuthClient",
    "awsauth.core.access.access_changes": "AccessChange UserInfo",
    "awsauth.core.access.caller": "Caller",
    "awsauth.core.desired.acts": "SyncAct SyncReport",
    "awsauth.core.desired.fragment": "Fragment",
    "awsauth.core.diff": "Diff MappingDiff diff",
    "awsauth.core.document.document": "Document",
    "awsauth.core.document.model": "MappingEntry",
    "awsauth.core.edit.changes": (
        "Change Deduplicate EnsureAccount EnsureRole EnsureUser RemoveAccount RemoveGroups RemoveRole RemoveUser "
        "RemoveUsername RenamePrincipal Repair ReplaceText"
    ),
    "awsauth.core.edit.merge": "merge",
    "awsauth.core.edit.normalize": "normalize",
    "awsauth.core.explain.explain": "explain",
    "awsauth.core.explain.explanation": "CallerOutcome Candidate DecisionStep Explanation",
    "awsauth.core.explain.who_can": "Grant Grants who_can",
    "awsauth.core.findings": "Finding Location Severity",
    "awsauth.core.lint.lint": "fixes lint",
    "awsauth.core.lint.overview": "MappingRow list_mappings",
    "awsauth.core.lint.policy": "Policy",
    "awsauth.core.mappings": "RoleMapping SsoMatch UserMapping",
    "awsauth.core.plan": "Plan load_plan_or_changes",
    "awsauth.core.revisions.info": "RevisionInfo",
    "awsauth.core.revisions.restore": "PrincipalEffect Restoration",
    "awsauth.core.revisions.revision": "Revision",
    "awsauth.errors": (
        "AdmissionError ApiError AuthenticationError AwsAuthError AwsPermissionError AwsServiceError "
        "ClusterNotFoundError ConflictError CredentialsError EditError FileChangedError FileError ForbiddenError FragmentError "
        "GuardError HistoryError InternalError InvalidValueError KubeconfigError ManifestError MappingConflictError "
        "NotFoundError NotRevertedError OutcomeUnknownError PlanError PlanOutdatedError PolicyError RecoveryError "
        "RevertedError RevisionNotFoundError RevisionTakenError RoleError UnavailableError UnprovenHistoryError "
        "UnreachableError UsageError"
    ),
    "awsauth.health.report": "HealthReport HealthStep",
    "awsauth.history.log": "Log LogEntry",
    "awsauth.kube.self_review": "SelfReview",
    "awsauth.mapping_methods": "Planning Transaction",
    "awsauth.options": "Options",
    "awsauth.recovery.recover": "recover",
    "awsauth.recovery.report": "Leftover Recovery RecoveryPlan RecoveryStep",
}
_HOME: Final = {name: home for home, names in _HOMES.items() for name in names.split()}
__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, *(name for name in globals() if name.startswith("__"))])
