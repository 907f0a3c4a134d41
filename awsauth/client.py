"""The client: one ``aws-auth``, wherever it lives, with its history."""

from __future__ import annotations

import contextlib
import getpass
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from awsauth.boundary import public
from awsauth.core.changes import as_list
from awsauth.core.escaping import quoted
from awsauth.core.revision_info import Writer
from awsauth.errors import UsageError
from awsauth.guarded_commit import GuardedCommit
from awsauth.history.commit import changing
from awsauth.history.proposal import Proposal
from awsauth.history_methods import HistoryMethods
from awsauth.mapping_methods import MappingMethods
from awsauth.options import Options, checked
from awsauth.origins import Origins
from awsauth.principals import Principals
from awsauth.result import Result
from awsauth.transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from awsauth.aws.identity import Identity
    from awsauth.aws.session import AwsSession
    from awsauth.circumstances import Circumstances
    from awsauth.connecting import Connection
    from awsauth.core.caller import Caller
    from awsauth.core.changes import Change
    from awsauth.core.document import Document
    from awsauth.core.explanation import Explanation
    from awsauth.core.finding import Finding
    from awsauth.core.plan import Plan
    from awsauth.core.policy import Policy
    from awsauth.health import HealthReport
    from awsauth.kube.review import Review
    from awsauth.origins import Habits
    from awsauth.planning import Planning
    from awsauth.stores.store import Snapshot, Store


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
        circumstances: Circumstances | None = None,
        connection: Connection | None = None,
        session: AwsSession | None = None,
    ) -> None:
        if policy is not None:
            from awsauth.core.policy import check_policy

            check_policy(policy)
        self._store = store
        claimed: Any = "" if author is None else author
        if not isinstance(claimed, str):
            raise UsageError(f"author is {quoted(repr(claimed), 60)}; nothing was contacted.", cure="Pass a name.")
        self._author: str = claimed
        self._policy = policy
        self._circumstances = circumstances
        self._connection = connection
        self._principals = Principals(session)
        self._making = GuardedCommit(store, self._writer, circumstances=circumstances, policy=policy)

    @classmethod
    def _of(
        cls,
        store: Store,
        habits: Habits,
        *,
        circumstances: Circumstances | None = None,
        connection: Connection | None = None,
        session: AwsSession | None = None,
    ) -> Self:
        return cls(store, **habits, circumstances=circumstances, connection=connection, session=session)

    def read(self) -> Document:
        """Return the data as it is now."""
        return self._store.read().document

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
        return Plan.of(proposal.merged, made, uid=proposal.snapshot.uid, findings=findings)

    def check(self) -> tuple[Finding, ...]:
        """Return what is wrong with the data, or will surprise somebody; of a cluster, also what only it can tell.

        What can be cured safely has the cure with it (`Finding.fix`); ``client.apply(awsauth.fixes(client.read()))``
        makes all of them.
        """
        from awsauth.core.lint import lint

        snapshot = self._store.read()
        document = snapshot.document
        found = (*snapshot.findings, *lint(document, self._policy, binary_bytes=snapshot.binary_bytes))
        if self._circumstances is None:
            return found
        return (*found, *self._circumstances.findings(document, exists=snapshot.exists))

    def explain(self, caller: Caller | str) -> Explanation:
        """Say what the authenticator does with a caller, and for one who gets nothing why (see `awsauth.explain`).

        On an EKS cluster that looks at access entries, what they come to.

        Raises:
            InvalidValueError: `caller` is the ARN of no role or user.
        """
        from awsauth.core.explain import explain

        found = explain(self.read(), caller)
        return self._circumstances.explained(found) if self._circumstances else found

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
        from awsauth.health_steps import health_report

        return health_report(self._connection, self._store, role_arn=role_arn, may=may)

    def apply(self, what: Plan | Sequence[Change] | Change, **options: Unpack[Options]) -> Result:
        """Apply a plan, or changes, in one write.

        When the object was changed by somebody else since the plan was made, the changes are merged with what is there
        now, and made only if that does what the plan says.

        Args:
            what: What to apply.
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
        return self._run(_applying(what), made) if isinstance(what, Plan) else self._make(as_list(what), made)

    def transaction(self, **options: Unpack[Options]) -> Transaction:
        """Return a transaction: several changes with one write, or none when the block raises.

        The options are those of `apply`, which tells what may be raised when the block ends.

        Raises:
            UsageError: an option is none of `Options`, or of another type, or `allow` names no guard.
        """
        made = checked(options)
        return Transaction(lambda changes, found: self._make(changes, made, found), self._principals)

    def whoami(self) -> Review | None:
        """Return who this client is to the cluster: username, groups, and for whoever comes by IAM the ARN.

        None where the server cannot tell, as before Kubernetes 1.27. Who this machine is to AWS, too: `identity`.

        Raises:
            UsageError: there is no cluster to ask.
            AwsAuthError: what the API server answers, such as an `AuthenticationError`.
        """
        if self._circumstances is None:
            raise UsageError("There is no cluster here that could be asked.", cure="Connect with a cluster.")
        return self._circumstances.caller()

    def identity(self) -> Identity:
        """Return who this machine is to AWS, and with which username and groups it comes into the cluster.

        Whoever does not get in is told so in `Identity.cluster_problem`. Without asking AWS: `whoami`.

        Raises:
            CredentialsError: there are no AWS credentials, or AWS does not take them.
            UsageError: there is no cluster to ask.
            AwsAuthError: STS or the API server does not answer.
        """
        from awsauth.cluster_identity import cluster_identity

        return cluster_identity(self._connection)

    @property
    def planning(self) -> Planning:
        """The methods that add and remove mappings, which return a plan in place of making the change."""
        from awsauth.planning import Planning

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

    def _run(self, propose: Callable[[Snapshot], Proposal], options: Options) -> Result:
        if not options.get("wait") and not options.get("revert_after"):
            return self._making.run(propose, options)
        from awsauth.verifying import watched

        return watched(self._making.run, propose, options, connection=self._connection, writer=self._writer)

    def _writer(self) -> Writer:
        known = self._circumstances.writer() if self._circumstances else Writer()
        return known._replace(author=self._author, account="" if known.identity else _account_name())

    def _make(self, changes: Sequence[Change], options: Options, findings: tuple[Finding, ...] = ()) -> Result:
        result = self._run(changing(changes), options)
        return replace(result, findings=(*findings, *result.findings)) if findings else result


def _applying(plan: Plan) -> Callable[[Snapshot], Proposal]:
    was_absent = False

    def propose(snapshot: Snapshot) -> Proposal:
        nonlocal was_absent
        # What was not there a moment ago and is now, another creator has made: it is the object that was planned.
        if not was_absent:
            plan.refuse_for(snapshot.uid)
        was_absent = was_absent or not snapshot.exists
        return Proposal(snapshot, plan.merge_into(snapshot.document))

    return propose


def _account_name() -> str:
    with contextlib.suppress(OSError, KeyError, ImportError):  # Not every container has names for its accounts.
        return getpass.getuser()
    return ""
