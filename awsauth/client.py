"""The client: one ``aws-auth``, wherever it lives, with its history."""

from __future__ import annotations

import contextlib
import getpass
import os
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypedDict

from awsauth.apply import ChangeApplier, Result, result_of
from awsauth.boundary import public
from awsauth.core.document.document import Document
from awsauth.core.edit.changes import as_list
from awsauth.core.revisions.info import Writer
from awsauth.core.text.display import quoted
from awsauth.errors import AuthenticationError, ForbiddenError, HistoryError, UsageError
from awsauth.history.commit import PendingChange, changing
from awsauth.mapping_methods import MappingMethods, Principals, Transaction
from awsauth.options import Options, checked
from awsauth.stores.store import restorable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    import boto3
    from kubernetes.client import ApiClient
    from typing_extensions import Self, Unpack

    from awsauth.aws.identity import Identity
    from awsauth.aws.session import AwsSession
    from awsauth.cluster_context import ClusterContext, EksFacts
    from awsauth.connections.kubernetes import Connection
    from awsauth.core.access.caller import Caller
    from awsauth.core.diff import Diff
    from awsauth.core.edit.changes import Change
    from awsauth.core.explain.explanation import Explanation
    from awsauth.core.findings import Finding
    from awsauth.core.lint.policy import Policy
    from awsauth.core.plan import Plan
    from awsauth.core.revisions.revision import Revision
    from awsauth.health.report import HealthReport
    from awsauth.history.log import Log
    from awsauth.kube.self_review import SelfReview
    from awsauth.mapping_methods import Planning
    from awsauth.stores.store import Snapshot, Store


def cluster_identity(connection: Connection | None) -> Identity:
    """Return who the caller is to AWS, with the username and groups on the cluster (see `awsauth.AwsAuthClient.identity`).

    Raises:
        UsageError: there is no cluster to ask.
        AwsAuthError: AWS cannot be asked, or the cluster does not answer.
    """
    if connection is None:
        raise UsageError("There is no cluster here that could be asked.", hint="Connect with a cluster.")
    from awsauth.aws.identity import identity_of
    from awsauth.aws.session import AwsSession

    tokens = connection.tokens
    identity = identity_of(tokens.session, near=tokens.region) if tokens else identity_of(AwsSession.from_environment())
    role = f", as {tokens.role_arn}" if tokens and tokens.role_arn else ""
    identity = replace(identity, cluster=f"{connection.description}{role}")
    try:
        from awsauth.kube.self_review import self_review

        found = self_review(connection.transport)
    except AuthenticationError:
        return replace(identity, cluster_problem="does not let the caller in (401); a health check says what would")
    except ForbiddenError:
        return replace(identity, cluster_problem="does not tell: the right to ask was taken away (system:basic-user)")
    if found is None:
        return replace(identity, cluster_problem="cannot tell, as a server before Kubernetes 1.27")
    return replace(identity, username=found.username, groups=tuple(sorted(found.own_groups)))


DESCRIBED: Final = 10
"""For how many of the newest revisions the history says what they changed, unless it is asked for more."""


@public
class HistoryMethods(ABC):
    """Looks at revisions, goes back to them, and deletes old ones."""

    _store: Store

    @abstractmethod
    def _writer(self) -> Writer:
        """Return who makes the changes."""

    @abstractmethod
    def _run(
        self, propose: Callable[[Snapshot], PendingChange], options: Options, store: Store | None = None
    ) -> Result:
        """Make what is proposed; in another store than the client's own, if one is given."""

    def history(self, *, described: int = DESCRIBED) -> Log:
        """Return the revisions, newest first: which one is live, and what is wrong with the chain.

        Args:
            described: For how many of the newest to say what they changed; each is one more request.

        Raises:
            UsageError: `described` is no number, or less than 0.
        """
        given: Any = described
        if not isinstance(given, int) or isinstance(given, bool) or given < 0:
            raise UsageError(f"described is {quoted(repr(given), 60)}.", hint="Pass a whole number, 0 or more.")
        from awsauth.history.log import log, with_diffs

        store = restorable(self._store)
        return with_diffs(store, log(store), described)

    def show(self, revision: int) -> Revision:
        """Return a revision with its data; its `is_intact` tells whether it is as it was recorded.

        Raises:
            RevisionNotFoundError: there is none of that number.
            UsageError: `revision` is no number.
        """
        _check_number(revision)
        return self._store.read_revision(revision)

    def diff(self, before: int, after: int | None = None) -> Diff:
        """Return what changed from one revision to another, or to the present.

        Raises:
            RevisionNotFoundError: there is none of that number.
            HistoryError: one was altered since it was recorded.
            UsageError: `before` or `after` is no number.
        """
        from awsauth.core.diff import diff

        later = restorable(self._store).read().document if after is None else self._recorded(after)
        return diff(self._recorded(before), later)

    def _recorded(self, number: int) -> Document:
        revision = self.show(number)
        if not revision.is_intact:
            raise HistoryError(
                f"Revision {number} was altered since it was recorded: its data is not what its digest says.",
                hint="Look at it with show().",
            )
        return Document(revision.data)

    def rollback(
        self,
        to: int | None = None,
        *,
        exact: bool = False,
        approved: Diff | None = None,
        **options: Unpack[Options],
    ) -> Result:
        """Go back to a revision, and make a new one of it. The result's `restoration` tells what it keeps and what goes.

        Args:
            to: The revision. Without one, the last change of state is undone, whoever made it; after a rollback, the
                one before that.
            exact: Also take away what others have added since.
            approved: What may come of it: the `diff` of an earlier ``dry_run``; None for anything.
            **options: How it is made; see `Options`. There is always a revision of it.

        Raises:
            RevisionNotFoundError: there is no such revision, or none further back.
            UnprovenHistoryError: `to` is None, and the object does not prove that it was at any earlier revision.
            PlanOutdatedError: something else than was approved would come of it.
            GuardError: it would lock somebody out, or give somebody back what was taken.
            HistoryError: the revision was altered since it was recorded.
            UsageError: an option is none of `Options`, or of another type, `allow` names no guard, or ``history=False``.
            AwsAuthError: otherwise as for `AwsAuthClient.apply`.
        """
        made = checked(options)
        if not made.get("history", True):
            raise UsageError("A rollback makes a revision; nothing was changed.", hint="Leave history=False out.")
        if to is not None:
            _check_number(to)
        from awsauth.history.rollback import restoring

        store = restorable(self._store)
        propose = restoring(store, to, exact=exact, writer=self._writer)
        return self._run(propose if approved is None else _only(approved, propose), made, store)

    def snapshot(self, *, reason: str = "") -> Result:
        """Record the present state as a revision, and change no data.

        The object names the revision from then on, so that `rollback` can go back to this state. A state that a
        revision holds already is not recorded again. The result's `changed` tells whether it was recorded, and its
        `revision` which revision holds it.

        Args:
            reason: Why; kept with the revision.

        Raises:
            NotFoundError: there is no ``aws-auth``.
            UsageError: `reason` is not text.
            HistoryError: the revision cannot be recorded.
        """
        from awsauth.history.snapshot import take_snapshot

        outcome = take_snapshot(self._store, reason=checked({"reason": reason})["reason"], writer=self._writer)
        head = outcome.snapshot.own_head
        return result_of(outcome.proposal, (), changed=outcome.changed, revision=head.number if head else None)

    def prune(self, *, dry_run: bool = False) -> tuple[int, ...]:
        """Delete old revisions, and return their numbers.

        Kept are the last 50 and all of the last 30 days, at most 500, and always what is live or younger than an hour.
        With `dry_run` nothing is deleted.

        Raises:
            ConflictError: somebody else was at them at the same time, again and again.
        """
        from awsauth.history.prune import prune

        return prune(self._store, dry_run=dry_run)


def _only(approved: Diff, propose: Callable[[Snapshot], PendingChange]) -> Callable[[Snapshot], PendingChange]:
    def checked_proposal(snapshot: Snapshot) -> PendingChange:
        from awsauth.core.plan import require_same_outcome

        proposal = propose(snapshot)
        require_same_outcome(approved, proposal.merged)
        return proposal

    return checked_proposal


def _check_number(revision: Any) -> None:
    if not isinstance(revision, int) or isinstance(revision, bool):
        raise UsageError(
            f"{quoted(repr(revision))} is no number of a revision; nothing was changed.",
            hint="Pass a whole number, as the history lists them.",
        )


class ClientOptions(TypedDict, total=False):
    """What a client does the same with every change.

    Attributes:
        author: Who makes the changes, for the history: a claim, kept with the identity that the cluster tells.
        policy: What may be mapped at all: checked by ``check``, and on every change by the guard ``policy``.
    """

    author: str | None
    policy: Policy | None


class ConnectionOptions(ClientOptions, total=False):
    """How a client comes before an API server.

    Attributes:
        timeout: Seconds that one request may take, its answer included, 30 by default; at most 10 of them to connect. A program
            in the kubeconfig that gives credentials has as long (at a terminal at least 300 seconds), a list in pages 10 times
            as long. Answers may have 32 MiB, lists 200 pages of 500 objects.
        as_user: The user to act as.
        as_groups: The groups to act as a member of.
    """

    timeout: float
    as_user: str | None
    as_groups: Sequence[str]


@public
class Origins(ABC):
    """Makes clients."""

    @classmethod
    @abstractmethod
    def _of(
        cls,
        store: Store,
        habits: ClientOptions,
        *,
        circumstances: ClusterContext | None = None,
        connection: Connection | None = None,
        session: AwsSession | None = None,
    ) -> Self:
        """Return a client on a store."""

    @classmethod
    def from_environment(cls, **options: Unpack[ConnectionOptions]) -> Self:
        """Return a client for the cluster that kubectl would use: the current context, or else, in a pod, its cluster.

        Raises:
            KubeconfigError: there is neither, or it cannot be used.
            CredentialsError: it is an EKS cluster's, and there are no AWS credentials for it.
            UsageError: an option is none of `ConnectionOptions`, or of another type.
        """
        from awsauth.connections.kubernetes import from_default_kubeconfig

        return cls._on(from_default_kubeconfig, options)

    @classmethod
    def from_kubeconfig(
        cls,
        context: str | None = None,
        path: str | os.PathLike[str] | None = None,
        **options: Unpack[ConnectionOptions],
    ) -> Self:
        """Return a client for the cluster of a kubeconfig's context.

        Args:
            context: The context; None for the current one.
            path: The kubeconfig's file; None for the ones that kubectl would take.
            **options: See `ConnectionOptions`.

        Raises:
            KubeconfigError: there is no such file or context, or no credentials come of it.
            CredentialsError: the context is an EKS cluster's, and there are no AWS credentials for it.
            UsageError: `context` or `path` is empty, or an option is none of `ConnectionOptions`, or of another type.
        """
        from awsauth.connections.kubernetes import from_kubeconfig

        return cls._on(from_kubeconfig, options, context, path)

    @classmethod
    def in_cluster(cls, **options: Unpack[ConnectionOptions]) -> Self:
        """Return a client for the cluster of the pod that this runs in, as its service account.

        Raises:
            KubeconfigError: this is no pod, or it has no service account.
            UsageError: an option is none of `ConnectionOptions`, or of another type.
        """
        from awsauth.connections.kubernetes import in_cluster

        return cls._on(in_cluster, options)

    @classmethod
    def from_api_client(cls, api: ApiClient, **options: Unpack[ConnectionOptions]) -> Self:
        """Return a client on a ``kubernetes.client.ApiClient`` of the caller's own, which stays open.

        Raises:
            UsageError: `api` is none, or an option is none of `ConnectionOptions`, or of another type.
        """
        from awsauth.connections.kubernetes import from_api_client

        return cls._on(from_api_client, options, api)

    @classmethod
    def from_eks(
        cls,
        name: str,
        *,
        region: str | None = None,
        profile: str | None = None,
        session: boto3.Session | None = None,
        role_arn: str | None = None,
        **options: Unpack[ConnectionOptions],
    ) -> Self:
        """Return a client for an EKS cluster by its name: no kubeconfig, no AWS CLI, tokens are signed in this process.

        Args:
            name: The cluster's name, or its ARN.
            region: Where it is; by default the ARN's, the profile's, the environment's, or that of the EC2 instance.
            profile: A profile of the AWS configuration.
            session: A boto3 session, in place of a profile.
            role_arn: A role to assume before the API server, as ``aws eks get-token --role-arn`` does.
            **options: See `ConnectionOptions`.

        Raises:
            CredentialsError: there are no AWS credentials, or AWS does not take them.
            ClusterNotFoundError: there is no such cluster.
            AwsPermissionError: IAM does not allow ``eks:DescribeCluster``, or to assume the role.
            AwsServiceError: EKS does not answer, or the cluster has no API server yet.
            UsageError: arguments contradict each other, or no region is known.
        """
        named: Any = name
        if not isinstance(named, str) or not named.strip():
            raise UsageError("cluster is empty; nothing was contacted.", hint="Is the variable that it comes from set?")
        from awsauth.connections.eks import from_eks

        how, habits = _parted(options)
        connection = from_eks(name, region=region, profile=profile, session=session, role_arn=role_arn, **how)
        return cls._at(connection, habits, connection.facts, connection.session)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], **habits: Unpack[ClientOptions]) -> Self:
        """Return a client for the ConfigMap in a manifest file, with its history in ``.NAME.history`` beside it.

        Raises:
            UsageError: `path` names no file. Whether there is such a file is seen when it is first used.
        """
        named: Any = path
        if not isinstance(named, (str, os.PathLike)) or not str(named).strip():
            raise UsageError("file names no file; nothing was changed.", hint="Is the variable that it comes from set?")
        from awsauth.stores.file import FileStore

        return cls._of(FileStore(path), habits)

    @classmethod
    def in_memory(cls, data: Mapping[str, str] | None = None, **habits: Unpack[ClientOptions]) -> Self:
        """Return a client for an ``aws-auth`` in memory: for tests, and to try things out."""
        from awsauth.stores.memory import MemoryStore

        return cls._of(MemoryStore(data), habits)

    @classmethod
    def _on(cls, connect: Callable[..., Connection], options: ConnectionOptions, *location: Any) -> Self:
        how, habits = _parted(options)
        connection = connect(*location, **how)
        if connection.tokens is None:
            return cls._at(connection, habits)
        from awsauth.connections.eks import cluster_info

        # A kubeconfig that `aws eks update-kubeconfig` wrote says which cluster it is, and as whom to ask about it.
        return cls._at(connection, habits, cluster_info(connection), connection.tokens.session)

    @classmethod
    def _at(
        cls,
        connection: Connection,
        habits: ClientOptions,
        eks: EksFacts | None = None,
        session: AwsSession | None = None,
    ) -> Self:
        from awsauth.cluster_context import ClusterContext
        from awsauth.history.retrying_store import with_retries
        from awsauth.stores.cluster import ClusterStore

        circumstances = ClusterContext(connection.transport, eks)
        store = with_retries(ClusterStore(connection.transport))
        return cls._of(store, habits, circumstances=circumstances, connection=connection, session=session)


def _parted(options: ConnectionOptions) -> tuple[dict[str, Any], ClientOptions]:
    """Return what is for the connection, and what is for the client."""
    how = {name: value for name, value in options.items() if name not in ClientOptions.__annotations__}
    habits: Any = {name: value for name, value in options.items() if name in ClientOptions.__annotations__}
    return how, habits


@public
class AwsAuthClient(Origins, HistoryMethods, MappingMethods[Result]):
    """One ``aws-auth``. Safe to use from several threads, and in a ``with`` block.

    Whatever reads or writes it may raise, of a cluster: `UnreachableError`, `ApiError` (which see for its kinds),
    `CredentialsError` and `KubeconfigError`; of a file: `FileError` and `ManifestError`. A method names only what it
    raises beside that.

    Args:
        store: Where it lives; the ``from_…`` methods make it.
        author: Who makes the changes, for the history: a claim, kept with the caller's identity. A cluster tells that
            one; for a file it is the account that runs this, which is a claim too.
        policy: What may be mapped at all: checked by `check`, and on every change by the guard ``policy``.
        circumstances: What can be asked around it; None where there is no cluster.
        connection: The connection to the cluster, which the client closes.
        session: Whom to ask AWS as, where that is known.

    Raises:
        UsageError: `policy` is no policy, or `author` no text.
    """

    def __init__(
        self,
        store: Store,
        *,
        author: str | None = None,
        policy: Policy | None = None,
        circumstances: ClusterContext | None = None,
        connection: Connection | None = None,
        session: AwsSession | None = None,
    ) -> None:
        if policy is not None:
            from awsauth.core.lint.policy import check_policy

            check_policy(policy)
        self._store = store
        claimed: Any = "" if author is None else author
        if not isinstance(claimed, str):
            raise UsageError(f"author is {quoted(repr(claimed), 60)}; nothing was contacted.", hint="Pass a name.")
        self._author: str = claimed
        self._policy = policy
        self._circumstances = circumstances
        self._connection = connection
        self._principals = Principals(session)
        self._making = ChangeApplier(store, self._writer, circumstances=circumstances, policy=policy)

    @classmethod
    def _of(
        cls,
        store: Store,
        habits: ClientOptions,
        *,
        circumstances: ClusterContext | None = None,
        connection: Connection | None = None,
        session: AwsSession | None = None,
    ) -> Self:
        return cls(store, **habits, circumstances=circumstances, connection=connection, session=session)

    def read(self) -> Document:
        """Return the data as it is now."""
        return self._store.read().document

    @property
    def target_name(self) -> str:
        """The context or the EKS cluster that this client is connected to; empty for a file and in memory."""
        return self._connection.name if self._connection else ""

    def acting_as(self) -> str:
        """Return the IAM ARN or the username as which the cluster knows this client; asked once.

        Empty where the server cannot tell, as before Kubernetes 1.27, and where there is no cluster.

        Raises:
            AwsAuthError: what the API server answers, such as an `AuthenticationError`.
        """
        return self._circumstances.writer().identity if self._circumstances else ""

    def exists(self) -> bool:
        """Return whether there is an object at all; `read` gives an empty document where there is none."""
        return self._store.read().exists

    def plan(self, changes: Sequence[Change] | Change) -> Plan:
        """Return what changes would do, with what the guards have to say about it, and what `check` would newly find.

        Nothing is changed.

        Raises:
            MappingConflictError: a principal is mapped already, to something else than is asked for.
            EditError: the text cannot be edited without touching more.
            InvalidValueError: what is to be removed is no ARN, and nothing is mapped under it.
            UsageError: `changes` is no list of changes.
        """
        from awsauth.core.plan import Plan

        made = as_list(changes)
        proposal = changing(made)(self._store.read())
        findings = self._making.findings(proposal)
        plan = Plan.of(proposal.merged, made, uid=proposal.snapshot.uid, findings=findings)
        return replace(plan, findings=self._policy.unacknowledged(plan.findings)) if self._policy else plan

    def check(self) -> tuple[Finding, ...]:
        """Return what is wrong with the data, or will surprise somebody; of a cluster, also what only it can tell.

        What can be cured safely has the cure with it (`Finding.fix`); ``client.apply(awsauth.fixes(client.read()))``
        makes all of them.
        """
        from awsauth.core.lint.lint import lint

        snapshot = self._store.read()
        document = snapshot.document
        found = (*snapshot.findings, *lint(document, self._policy, binary_bytes=snapshot.binary_bytes))
        if self._circumstances:
            from awsauth.history.snapshot import baseline_findings

            around = self._circumstances.findings(document, exists=snapshot.exists)
            found = (*found, *around, *baseline_findings(snapshot))
        return self._policy.unacknowledged(found) if self._policy else found

    def explain(self, caller: Caller | str) -> Explanation:
        """Say what the authenticator does with a caller, and for one who gets nothing why (see `awsauth.explain`).

        On an EKS cluster that looks at access entries, what they come to.

        Raises:
            InvalidValueError: `caller` is the ARN of no role or user.
        """
        from awsauth.core.explain.explain import explain

        found = explain(self.read(), caller)
        return self._circumstances.with_access_entries(found) if self._circumstances else found

    def health_check(
        self, *, role_arn: str | None = None, may: Sequence[str] = ("list nodes", "list namespaces")
    ) -> HealthReport:
        """Check, as a deployment target is checked before it is used, whether the caller gets in and may do its work.

        The steps (`HealthStep`): AWS credentials are found; STS says whose; a token is signed; the API server is
        reached and has the right certificate; it knows the caller, by which entry of ``aws-auth``; the caller may do
        what is named. Each that fails says why and what to do: whom to map, with the call and the command that would;
        or which role and binding are missing. Nothing is changed, and a step that fails raises nothing.

        Args:
            role_arn: Another role, to check after assuming it: that a mapping works, before it is handed over.
            may: What the caller needs: ``VERB RESOURCE[.GROUP][/SUBRESOURCE] [in NAMESPACE]``, such as
                ``create deployments.apps in web``.

        Raises:
            UsageError: there is no cluster to check, a role cannot be assumed here, or `may` cannot be read.
            InvalidValueError: `role_arn` is the ARN of no role.
        """
        from awsauth.health.checks import health_report

        return health_report(self._connection, self._store, role_arn=role_arn, may=may)

    def apply(self, message: Plan | Sequence[Change] | Change, **options: Unpack[Options]) -> Result:
        """Apply a plan, or changes, in one write.

        When the object was changed by somebody else since the plan was made, the changes are merged with what is there
        now, and made only if that does what the plan says.

        Args:
            message: What to apply.
            **options: How the change is made; see `Options`.

        Raises:
            UsageError: an option is none of `Options`, or of another type, or `allow` names no guard.
            GuardError: it would lock somebody out, and that is not allowed by name.
            PlanOutdatedError: the plan was made for another object, or something else would come of it now.
            MappingConflictError: a principal is mapped already, to something else than is asked for.
            EditError: the text cannot be edited without touching more.
            InvalidValueError: what is to be removed is no ARN, and nothing is mapped under it.
            ConflictError: others were quicker again and again.
            HistoryError: the revision cannot be recorded.
            OutcomeUnknownError: it cannot be told whether the change was made.
            RevertedError: somebody did not get in with a new token, and the change was reverted.
            NotRevertedError: somebody did not get in with a new token, and the change could not be reverted.
        """
        from awsauth.core.plan import Plan

        made = checked(options)
        return self._run(_applying(message), made) if isinstance(message, Plan) else self._make(as_list(message), made)

    def transaction(self, **options: Unpack[Options]) -> Transaction:
        """Return a transaction: several changes with one write, or none when the block raises.

        The options are those of `apply`, which tells what may be raised when the block ends.

        Raises:
            UsageError: an option is none of `Options`, or of another type, or `allow` names no guard.
        """
        made = checked(options)
        return Transaction(lambda changes, found: self._make(changes, made, found), self._principals)

    def whoami(self) -> SelfReview | None:
        """Return who this client is to the cluster: username, groups, and for whoever comes by IAM the ARN.

        None where the server cannot tell, as before Kubernetes 1.27. Who this machine is to AWS, too: `identity`.

        Raises:
            UsageError: there is no cluster to ask.
            AwsAuthError: what the API server answers, such as an `AuthenticationError`.
        """
        if self._circumstances is None:
            raise UsageError("There is no cluster here that could be asked.", hint="Connect with a cluster.")
        return self._circumstances.caller()

    def identity(self) -> Identity:
        """Return who this machine is to AWS, and with which username and groups it comes into the cluster.

        Whoever does not get in is told so in `Identity.cluster_problem`. Without asking AWS: `whoami`.

        Raises:
            CredentialsError: there are no AWS credentials, or AWS does not take them.
            UsageError: there is no cluster to ask.
            AwsAuthError: STS or the API server does not answer.
        """
        return cluster_identity(self._connection)

    @property
    def planning(self) -> Planning:
        """The methods that add and remove mappings, which return a plan in place of making the change."""
        from awsauth.mapping_methods import Planning

        return Planning(self.plan, self._principals)

    def close(self) -> None:
        """Close the connections; a file and memory need no closing."""
        if self._connection:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(
        self, propose: Callable[[Snapshot], PendingChange], options: Options, store: Store | None = None
    ) -> Result:
        run = self._making.on(store).run if store else self._making.run
        if not options.get("wait") and not options.get("revert_after"):
            result = run(propose, options)
        else:
            from awsauth.verification.verify import apply_and_verify

            result = apply_and_verify(run, propose, options, connection=self._connection, writer=self._writer)
        return replace(result, findings=self._policy.unacknowledged(result.findings)) if self._policy else result

    def _writer(self) -> Writer:
        known = self._circumstances.writer() if self._circumstances else Writer()
        return known._replace(author=self._author, account="" if known.identity else _account_name())

    def _make(self, changes: Sequence[Change], options: Options, findings: tuple[Finding, ...] = ()) -> Result:
        result = self._run(changing(changes), options)
        return replace(result, findings=(*findings, *result.findings)) if findings else result


def _applying(plan: Plan) -> Callable[[Snapshot], PendingChange]:
    was_absent = False

    def propose(snapshot: Snapshot) -> PendingChange:
        nonlocal was_absent
        # What was not there a moment ago and is now, another creator has made: it is the object that was planned.
        if not was_absent:
            plan.require_same_object(snapshot.uid)
        was_absent = was_absent or not snapshot.exists
        return PendingChange(snapshot, plan.merge_into(snapshot.document))

    return propose


def _account_name() -> str:
    with contextlib.suppress(OSError, KeyError, ImportError):  # Not every container has names for its accounts.
        return getpass.getuser()
    return ""
