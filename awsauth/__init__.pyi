# The public names and their modules, for type checkers, editors, and `__init__.py`: it imports each when it is first used.

__all__: list[str]  # noqa: PYI035 -- made from this file at run time

from awsauth.api import (
    Target as Target,
    add_account_mapping as add_account_mapping,
    add_node_role as add_node_role,
    add_role_mapping as add_role_mapping,
    add_sso_mapping as add_sso_mapping,
    add_user_mapping as add_user_mapping,
    connect as connect,
    health_check as health_check,
    remove_account_mapping as remove_account_mapping,
    remove_groups as remove_groups,
    remove_role_mapping as remove_role_mapping,
    remove_user_mapping as remove_user_mapping,
    remove_username as remove_username,
    rename_principal as rename_principal,
    whoami as whoami,
)
from awsauth.apply import Result as Result
from awsauth.aws.identity import ClusterIdentity as ClusterIdentity, Identity as Identity
from awsauth.aws.instance_role import RoleSetup as RoleSetup, ensure_instance_role as ensure_instance_role
from awsauth.client import AwsAuthClient as AwsAuthClient
from awsauth.core.access.caller import AccessChange as AccessChange, Caller as Caller, UserInfo as UserInfo
from awsauth.core.cluster.facts import Binding as Binding
from awsauth.core.desired.acts import SyncAct as SyncAct, SyncReport as SyncReport
from awsauth.core.desired.fragment import Fragment as Fragment
from awsauth.core.diff import Diff as Diff, MappingDiff as MappingDiff, diff as diff
from awsauth.core.document.document import Document as Document
from awsauth.core.document.model import MappingEntry as MappingEntry
from awsauth.core.edit.changes import (
    Change as Change,
    Deduplicate as Deduplicate,
    EnsureAccount as EnsureAccount,
    EnsureEntry as EnsureEntry,
    EnsureRole as EnsureRole,
    EnsureUser as EnsureUser,
    RemoveAccount as RemoveAccount,
    RemoveEntry as RemoveEntry,
    RemoveEntryPolicy as RemoveEntryPolicy,
    RemoveGroups as RemoveGroups,
    RemoveRole as RemoveRole,
    RemoveUser as RemoveUser,
    RemoveUsername as RemoveUsername,
    RenamePrincipal as RenamePrincipal,
    Repair as Repair,
    ReplaceText as ReplaceText,
    SetEntryPolicy as SetEntryPolicy,
)
from awsauth.core.edit.merge import merge as merge
from awsauth.core.edit.normalize import normalize as normalize
from awsauth.core.entries.merge import EntryDiff as EntryDiff, EntryRevision as EntryRevision
from awsauth.core.entries.model import (
    AccessEntry as AccessEntry,
    AccessPolicy as AccessPolicy,
    AccessView as AccessView,
    PrincipalAccess as PrincipalAccess,
)
from awsauth.core.explain.explain import explain as explain
from awsauth.core.explain.explanation import (
    CallerOutcome as CallerOutcome,
    Candidate as Candidate,
    DecisionStep as DecisionStep,
    Explanation as Explanation,
)
from awsauth.core.findings import Finding as Finding, Location as Location, Severity as Severity
from awsauth.core.lint.lint import (
    MappingRow as MappingRow,
    fixes as fixes,
    lint as lint,
    list_mappings as list_mappings,
)
from awsauth.core.lint.policy import Policy as Policy
from awsauth.core.mappings import RoleMapping as RoleMapping, SsoMatch as SsoMatch, UserMapping as UserMapping
from awsauth.core.migration.logs import LoginLogs as LoginLogs
from awsauth.core.migration.plan import (
    MigrationChoices as MigrationChoices,
    MigrationItem as MigrationItem,
    MigrationPlan as MigrationPlan,
)
from awsauth.core.plan import Plan as Plan, load_plan_or_changes as load_plan_or_changes
from awsauth.core.report.rbac import PolicyRule as PolicyRule, Right as Right
from awsauth.core.report.rows import (
    AccessReport as AccessReport,
    BoundRole as BoundRole,
    IamStatus as IamStatus,
    LastChange as LastChange,
    ReportRow as ReportRow,
)
from awsauth.core.report.summary import RightSummary as RightSummary
from awsauth.core.report.who_can import Grant as Grant, Grants as Grants, who_can as who_can
from awsauth.core.revisions.info import RevisionInfo as RevisionInfo
from awsauth.core.revisions.restore import PrincipalEffect as PrincipalEffect, Restoration as Restoration
from awsauth.core.revisions.revision import Revision as Revision
from awsauth.errors import (
    AdmissionError as AdmissionError,
    ApiError as ApiError,
    AuthenticationError as AuthenticationError,
    AwsAuthError as AwsAuthError,
    AwsPermissionError as AwsPermissionError,
    AwsServiceError as AwsServiceError,
    ClusterNotFoundError as ClusterNotFoundError,
    ConflictError as ConflictError,
    CredentialsError as CredentialsError,
    EditError as EditError,
    FileChangedError as FileChangedError,
    FileError as FileError,
    ForbiddenError as ForbiddenError,
    FragmentError as FragmentError,
    GuardError as GuardError,
    HistoryError as HistoryError,
    InternalError as InternalError,
    InvalidValueError as InvalidValueError,
    KubeconfigError as KubeconfigError,
    ManifestError as ManifestError,
    MappingConflictError as MappingConflictError,
    NotFoundError as NotFoundError,
    NotRevertedError as NotRevertedError,
    OutcomeUnknownError as OutcomeUnknownError,
    PlanError as PlanError,
    PlanOutdatedError as PlanOutdatedError,
    PolicyError as PolicyError,
    RecoveryError as RecoveryError,
    RevertedError as RevertedError,
    RevisionNotFoundError as RevisionNotFoundError,
    RevisionTakenError as RevisionTakenError,
    RoleError as RoleError,
    UnavailableError as UnavailableError,
    UnprovenHistoryError as UnprovenHistoryError,
    UnreachableError as UnreachableError,
    UsageError as UsageError,
)
from awsauth.health.report import HealthReport as HealthReport, HealthStep as HealthStep
from awsauth.history.log import Log as Log, LogEntry as LogEntry
from awsauth.kube.self_review import SelfReview as SelfReview
from awsauth.mapping_methods import Planning as Planning, Transaction as Transaction
from awsauth.migration.migration import Migration as Migration
from awsauth.options import Options as Options
from awsauth.recovery.discovery import Leftover as Leftover
from awsauth.recovery.plan import Recovery as Recovery, RecoveryPlan as RecoveryPlan, RecoveryStep as RecoveryStep
from awsauth.recovery.recover import recover as recover
from awsauth.version import __version__ as __version__
