"""The public API as its users write it: mypy checks this file, and nothing runs it.

`test_public_api` checks that every public name stands here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import assert_type

import awsauth

if TYPE_CHECKING:
    from pathlib import Path

    import boto3
    from kubernetes.client import ApiClient

ROLE = "arn:aws:iam::111122223333:role/ci"
USER = "arn:aws:iam::111122223333:user/alice"


def one_call_with_each_target(path: Path) -> None:
    result = awsauth.add_role_mapping(
        ROLE,
        username="ci",
        groups=["deployers"],
        if_mapped="replace",
        for_ec2=True,
        cluster="prod",
        region="eu-west-1",
        profile="ops",
        assume_role=ROLE,
        as_user="jane",
        as_groups=["admins"],
        author="release",
        reason="release 42",
        allow=["last-admin"],
        dry_run="server",
        history=True,
        wait=30,
        verify=["caller"],
        revert_after=10.0,
    )
    assert_type(result, awsauth.Result)
    assert_type(awsauth.add_user_mapping(USER, username="alice", context="kind-dev", kubeconfig=path), awsauth.Result)
    assert_type(awsauth.add_account_mapping("111122223333", file=path, dry_run=True), awsauth.Result)
    assert_type(awsauth.add_node_role(ROLE, kind="windows", file="aws-auth.yaml"), awsauth.Result)
    assert_type(awsauth.add_sso_mapping("Ops", username="ops", account="111122223333"), awsauth.Result)


def fragments(path: Path) -> None:
    made = awsauth.Fragment(owner="team-a", roles=[{"rolearn": ROLE, "username": "ci"}], accounts=["111122223333"])
    assert_type(made.owner, str)
    assert_type(awsauth.Fragment.from_text(path.read_bytes(), str(path), owner="team-a"), awsauth.Fragment)
    assert_type(awsauth.Fragment.from_document(awsauth.Document({}), "team-a"), awsauth.Fragment)


def a_sync(client: awsauth.AwsAuthClient, fragment: awsauth.Fragment, document: awsauth.Document) -> None:
    seen = client.sync([fragment], dry_run=True, allow_empty=True, max_removals=3, reason="release 42")
    assert_type(seen.sync, awsauth.SyncReport | None)
    client.sync(
        fragment, approved=seen.sync, adopt=True, take_from=["b"], on_drift="keep", prune="force", release=[ROLE]
    )
    client.sync(document, owner="a", if_mapped="extend", restore_ownership=True, allow=["node-mapping"])
    if seen.sync:
        assert_type(seen.sync.conflicts[0], awsauth.SyncAct)


def access_entries(client: awsauth.AwsAuthClient) -> None:
    changes: list[awsauth.Change] = [
        awsauth.EnsureEntry(principal_arn=ROLE, type="STANDARD", groups=["devs"], if_exists="replace"),
        awsauth.SetEntryPolicy(principal_arn=ROLE, policy="AmazonEKSViewPolicy=apps"),
        awsauth.RemoveEntryPolicy(principal_arn=ROLE, policy="AmazonEKSViewPolicy"),
        awsauth.RemoveEntry(principal_arn=ROLE),
    ]
    assert_type(client.apply(changes, reason="a new team").diff.entries, tuple[awsauth.EntryDiff, ...])
    client.apply(client.plan(changes), dry_run=True)
    assert_type(client.entry_history(), tuple[awsauth.EntryRevision, ...])
    shown = client.rollback_entries(dry_run=True)
    assert_type(client.rollback_entries(to=3, approved=shown.diff, allow=["regrant"]), awsauth.Result)


def a_migration(client: awsauth.AwsAuthClient) -> None:
    with open("authenticator.log", "rb") as lines:  # noqa: PTH123 - as users write it
        logs = awsauth.LoginLogs.of(lines)
    assert_type(logs.unread, int)
    migration = client.migration(awsauth.MigrationChoices({ROLE: "ci"}, accept=[f"loses={ROLE}"], logs=logs))
    assert_type(migration, awsauth.Migration)
    plan = migration.plan()
    assert_type(plan, awsauth.MigrationPlan)
    assert_type(plan.items, tuple[awsauth.MigrationItem, ...])
    assert_type(migration.apply(plan, allow=["authentication-mode"], reason="ticket 42"), awsauth.Result)
    assert_type(migration.status(), awsauth.MigrationPlan)
    assert_type(migration.finish(dry_run=True), awsauth.Result)
    assert_type(migration.undo(reason="ticket 42"), awsauth.Result)
    assert_type(client.export("terraform"), str)


def one_call_that_removes(client: awsauth.AwsAuthClient) -> None:
    assert_type(awsauth.remove_role_mapping(ROLE, client=client), awsauth.Result)
    assert_type(awsauth.remove_user_mapping(USER, client=client), awsauth.Result)
    assert_type(awsauth.remove_account_mapping("111122223333", client=client), awsauth.Result)
    assert_type(awsauth.remove_groups(ROLE, ["deployers"], client=client), awsauth.Result)
    assert_type(awsauth.remove_username("ci", client=client), awsauth.Result)
    assert_type(awsauth.rename_principal(ROLE, ROLE, client=client), awsauth.Result)


def mistakes_that_are_found(client: awsauth.AwsAuthClient) -> None:
    """An argument that does not exist or is of another type; an unused `type: ignore` is an error of mypy."""
    awsauth.add_role_mapping(ROLE, username="ci", dryrun=True)  # type: ignore[call-arg]
    awsauth.add_role_mapping(ROLE, username="ci", cluster=None)  # type: ignore[arg-type]
    awsauth.connect(fil="aws-auth.yaml")  # type: ignore[call-arg]
    client.remove_role_mapping(ROLE, history="no")  # type: ignore[arg-type]
    client.add_role_mapping(ROLE)  # type: ignore[call-arg]
    awsauth.AwsAuthClient.from_file("aws-auth.yaml", timeout=3.0)  # type: ignore[call-arg]
    awsauth.EnsureRole(role_arn=ROLE, user="ci")  # type: ignore[call-arg]


def who_and_whether(session: boto3.Session) -> None:
    identity = awsauth.whoami(session=session)
    assert_type(identity, awsauth.Identity)
    assert_type(identity.canonical_arn, str)
    assert_type(identity.cluster, awsauth.ClusterIdentity | None)
    report = awsauth.health_check(role_arn=ROLE, may=["list pods in web"], cluster="prod")
    assert_type(report, awsauth.HealthReport)
    assert_type(report.passed, bool)
    assert_type(report.failure, awsauth.HealthStep | None)


def constructors(path: Path, api: ApiClient, session: boto3.Session, policy: awsauth.Policy) -> None:
    kind = awsauth.AwsAuthClient
    assert_type(kind.from_environment(timeout=10), awsauth.AwsAuthClient)
    assert_type(kind.from_kubeconfig("dev", path, as_user="jane", as_groups=["a"]), awsauth.AwsAuthClient)
    assert_type(kind.in_cluster(author="pipeline"), awsauth.AwsAuthClient)
    assert_type(kind.from_api_client(api, policy=policy), awsauth.AwsAuthClient)
    assert_type(kind.from_eks("prod", region="eu-west-1", session=session, role_arn=ROLE), awsauth.AwsAuthClient)
    assert_type(kind.from_file(path, author="release", policy=policy), awsauth.AwsAuthClient)
    assert_type(kind.in_memory({"mapRoles": "[]"}), awsauth.AwsAuthClient)
    target: awsauth.Target = {"cluster": "prod", "policy": policy}
    with awsauth.connect(**target) as client:
        assert_type(client, awsauth.AwsAuthClient)


def methods(client: awsauth.AwsAuthClient, options: awsauth.Options) -> None:
    assert_type(client.read(), awsauth.Document)
    assert_type(client.exists(), bool)
    assert_type(client.snapshot(reason="before the move"), awsauth.Result)
    assert_type(client.check(), tuple[awsauth.Finding, ...])
    assert_type(client.explain(ROLE), awsauth.Explanation)
    assert_type(client.health_check(may=["list nodes"]), awsauth.HealthReport)
    assert_type(client.whoami(), awsauth.Identity)
    assert_type(client.self_review(), awsauth.SelfReview | None)
    assert_type(client.history(described=3), awsauth.Log)
    assert_type(client.show(3), awsauth.Revision)
    assert_type(client.diff(1, 2), awsauth.Diff)
    assert_type(client.rollback(to=7, exact=True, reason="back", dry_run=True), awsauth.Result)
    assert_type(client.prune(dry_run=True), tuple[int, ...])
    assert_type(client.add_role_mapping(ROLE, username="ci", **options), awsauth.Result)


def plans_and_transactions(client: awsauth.AwsAuthClient) -> None:
    plan = client.plan([awsauth.EnsureRole(role_arn=ROLE, username="ci"), awsauth.RemoveUser(user_arn=USER)])
    assert_type(plan, awsauth.Plan)
    assert_type(client.apply(plan, reason="release 42"), awsauth.Result)
    assert_type(client.planning, awsauth.Planning)
    assert_type(client.planning.remove_role_mapping(ROLE), awsauth.Plan)
    with client.transaction(reason="release 42") as transaction:
        assert_type(transaction, awsauth.Transaction)
        transaction.add_user_mapping(USER, username="alice")
        transaction.apply(awsauth.Deduplicate())
    assert_type(transaction.result, awsauth.Result)
    assert_type(awsauth.load_plan_or_changes(plan.to_text()), awsauth.Plan | tuple[awsauth.Change, ...])


def changes() -> list[awsauth.Change]:
    return [
        awsauth.EnsureUser(user_arn=USER, username="alice", groups=("a",), if_mapped="fail"),
        awsauth.EnsureAccount(account="111122223333"),
        awsauth.RemoveRole(role_arn=ROLE),
        awsauth.RemoveAccount(account="111122223333"),
        awsauth.RemoveUsername(username="ci"),
        awsauth.RemoveGroups(principal_arn=ROLE, groups=["a"]),
        awsauth.RenamePrincipal(principal_arn=ROLE, new_arn=ROLE),
        awsauth.Repair(key="mapRoles"),
        awsauth.ReplaceText(key="mapUsers", text=None),
    ]


def documents(data: dict[str, str]) -> None:
    document = awsauth.Document(data)
    assert_type(document.roles, tuple[awsauth.RoleMapping, ...])
    assert_type(document.users, tuple[awsauth.UserMapping, ...])
    assert_type(document.accounts, tuple[str, ...])
    assert_type(document.problems, tuple[awsauth.Finding, ...])
    assert_type(document.roles[0].sso, awsauth.SsoMatch | None)
    after = awsauth.merge(document, changes())
    assert_type(after, awsauth.Document)
    found = awsauth.diff(document, after)
    assert_type(found.mappings, tuple[awsauth.MappingDiff, ...])
    assert_type(found.mappings[0].before, tuple[awsauth.MappingEntry, ...])
    assert_type(found.effects, tuple[awsauth.AccessChange, ...])
    assert_type(found.effects[0].after[0], awsauth.UserInfo | None)
    assert_type(found.markdown(), str)
    assert_type(awsauth.lint(document, awsauth.Policy(accounts=["111122223333"])), tuple[awsauth.Finding, ...])
    assert_type(awsauth.fixes(document), tuple[awsauth.Change, ...])
    assert_type(awsauth.normalize(document), tuple[awsauth.Change, ...])
    assert_type(awsauth.list_mappings(document, "*ci*"), tuple[awsauth.MappingRow, ...])


def findings(finding: awsauth.Finding) -> None:
    assert_type(finding.severity, awsauth.Severity)
    assert_type(finding.location, awsauth.Location | None)
    assert_type(finding.fix, tuple[awsauth.Change, ...])


def explanations(document: awsauth.Document) -> None:
    found = awsauth.explain(document, awsauth.Caller(ROLE, session_name="run-1"))
    assert_type(found.groups, tuple[str, ...] | None)
    assert_type(found.outcomes, tuple[awsauth.CallerOutcome, ...])
    assert_type(found.steps, tuple[awsauth.DecisionStep, ...])
    assert_type(found.candidates, tuple[awsauth.Candidate, ...])
    grants = awsauth.who_can(document, group="system:masters")
    assert_type(grants, awsauth.Grants)
    assert_type(grants.grants, tuple[awsauth.Grant, ...])


def histories(log: awsauth.Log, result: awsauth.Result) -> None:
    assert_type(log.entries, tuple[awsauth.LogEntry, ...])
    assert_type(log.entries[0].info, awsauth.RevisionInfo)
    assert_type(log.entries[0].diff, awsauth.Diff | None)
    assert_type(result.revision, int | None)
    assert_type(result.restoration, awsauth.Restoration | None)
    if result.restoration:
        assert_type(result.restoration.kept, tuple[awsauth.PrincipalEffect, ...])


def roles_and_recovery() -> None:
    assert_type(awsauth.ensure_instance_role("worker", path="/ci/", dry_run=True), awsauth.RoleSetup)
    recovery = awsauth.recover("prod", creator_role=ROLE, dry_run=True)
    assert_type(recovery, awsauth.Recovery)
    assert_type(recovery.plan, awsauth.RecoveryPlan)
    assert_type(recovery.plan.steps, tuple[awsauth.RecoveryStep, ...])
    assert_type(recovery.left, tuple[awsauth.Leftover, ...])


def errors(error: awsauth.AwsAuthError) -> tuple[str, str, str]:
    return error.message, error.location, error.hint


ERRORS: tuple[type[awsauth.AwsAuthError], ...] = (
    awsauth.AdmissionError,
    awsauth.ApiError,
    awsauth.AuthenticationError,
    awsauth.AwsPermissionError,
    awsauth.AwsServiceError,
    awsauth.ClusterNotFoundError,
    awsauth.ConflictError,
    awsauth.CredentialsError,
    awsauth.EditError,
    awsauth.FileChangedError,
    awsauth.FileError,
    awsauth.ForbiddenError,
    awsauth.FragmentError,
    awsauth.GuardError,
    awsauth.HistoryError,
    awsauth.InternalError,
    awsauth.InvalidValueError,
    awsauth.KubeconfigError,
    awsauth.ManifestError,
    awsauth.MappingConflictError,
    awsauth.NotFoundError,
    awsauth.NotRevertedError,
    awsauth.OutcomeUnknownError,
    awsauth.PlanError,
    awsauth.PlanOutdatedError,
    awsauth.PolicyError,
    awsauth.RecoveryError,
    awsauth.RevertedError,
    awsauth.RevisionNotFoundError,
    awsauth.RevisionTakenError,
    awsauth.RoleError,
    awsauth.UnavailableError,
    awsauth.UnprovenHistoryError,
    awsauth.UnreachableError,
)
USAGE: type[TypeError] = awsauth.UsageError


def entries(client: awsauth.AwsAuthClient) -> None:
    view = client.access()
    assert_type(view, awsauth.AccessView)
    first: awsauth.PrincipalAccess = view.principals[0]
    entry: awsauth.AccessEntry | None = first.entry
    policies: tuple[awsauth.AccessPolicy, ...] = entry.policies if entry else ()
    assert_type(policies[0].name, str)
    assert_type(client.who_can(group="system:masters"), awsauth.Grants)
    right: awsauth.Right | None = client.who_can("get", "secrets", namespace="web").grants[0].right
    rules: tuple[awsauth.PolicyRule, ...] | None = right.rules if right else ()
    binding: awsauth.Binding | None = right.binding if right else None
    assert_type((rules, binding), tuple[tuple[awsauth.PolicyRule, ...] | None, awsauth.Binding | None])


def report(client: awsauth.AwsAuthClient) -> None:
    found: awsauth.AccessReport = client.report()
    row: awsauth.ReportRow = found.principals[0]
    roles: tuple[awsauth.BoundRole, ...] | None = row.roles
    rights: tuple[awsauth.RightSummary, ...] = row.rights
    assert_type((rights[0].namespaces, roles[0].subject if roles else ""), tuple[tuple[str, ...], str])
    change: awsauth.LastChange | None = row.last_change
    in_iam: awsauth.IamStatus | None = row.iam
    assert_type((change.by if change else "", in_iam.exists if in_iam else None), tuple[str, bool | None])


def json_of(
    result: awsauth.Result, plan: awsauth.Plan, log: awsauth.Log, identity: awsauth.Identity
) -> list[dict[str, Any]]:
    return [result.to_json(), plan.to_json(), log.to_json(), identity.to_json()]
