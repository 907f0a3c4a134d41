"""The health check: what a deployment target does before it is used, step by step as it would be used."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from awsauth.core.access.caller import Caller
from awsauth.core.arn import canonical_role
from awsauth.core.explain.explain import explain
from awsauth.core.text.display import quoted, quoted_value, visible
from awsauth.errors import (
    ApiError,
    AuthenticationError,
    AwsAuthError,
    ForbiddenError,
    InvalidValueError,
    UnavailableError,
    UsageError,
)
from awsauth.health.advice import EksTarget, forbidden, unknown
from awsauth.health.report import NEEDS_EARLIER, STEPS, HealthReport, HealthStep
from awsauth.history.drift import drift
from awsauth.kube.rbac import missing, rule_of
from awsauth.kube.self_review import self_review

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from awsauth.aws.token import TokenSource
    from awsauth.connections.eks import EksClusterInfo
    from awsauth.connections.kubernetes import Connection
    from awsauth.core.explain.explanation import Explanation
    from awsauth.kube.rbac import RbacRule
    from awsauth.kube.self_review import SelfReview
    from awsauth.stores.store import Store

_OTHER_WAY: Final = "not by aws-auth: by an access entry, or as the cluster's creator"
_NOT_AWS: Final = "The credentials of this connection are not made with AWS credentials."


def health_report(
    connection: Connection | None, store: Store, *, role_arn: str | None, may: Sequence[str]
) -> HealthReport:
    """Check whether a caller gets in and may do what it needs (see `awsauth.AwsAuthClient.health_check`).

    Raises:
        UsageError: there is no cluster to check, or the arguments make no sense.
        InvalidValueError: `role_arn` is the ARN of no role.
    """
    if connection is None:
        raise UsageError(
            "There is no cluster behind this client, so nothing can be checked.", hint="Connect to a cluster."
        )
    return _HealthCheck(connection, store, _tokens(connection, role_arn), role_arn, _rules(may)).report()


def _tokens(connection: Connection, role_arn: str | None) -> TokenSource | None:
    """Return tokens of whom to check; a source of its own, so that the connection keeps its token."""
    if role_arn is None:
        return connection.tokens and connection.tokens.for_role(connection.tokens.role_arn)
    if connection.tokens is None:
        raise UsageError(
            "A role can be assumed only with AWS credentials, and this connection has others; nothing was contacted.",
            hint="Connect to the EKS cluster by its name (cluster=, from_eks).",
        )
    canonical_role(role_arn)
    return connection.tokens.for_role(role_arn)


def _rules(may: Any) -> tuple[RbacRule, ...]:
    if isinstance(may, str) or not all(isinstance(named, str) for named in may):
        raise UsageError(
            f"may is {quoted_value(may)}; nothing was contacted.",
            hint='Pass a list, such as ["list nodes", "create deployments.apps in web"].',
        )
    return tuple(map(rule_of, may))


class _HealthCheck:
    def __init__(
        self,
        connection: Connection,
        store: Store,
        tokens: TokenSource | None,
        role_arn: str | None,
        rules: tuple[RbacRule, ...],
    ) -> None:
        self._connection = connection
        self._store = store
        self._tokens = tokens
        self._role_arn = role_arn
        self._rules = rules
        self._transport = connection.transport
        self._arn = ""
        self._review: SelfReview | None = None

    def report(self) -> HealthReport:
        steps: list[HealthStep] = []
        actions = (
            self._credentials,
            self._identity,
            self._token,
            self._api_server,
            self._authenticated,
            self._authorised,
            self._drift,
        )
        for name, action in zip(STEPS, actions, strict=True):
            if any(step.result == "failed" for step in steps):
                steps.append(HealthStep(name, "skipped", NEEDS_EARLIER))
            elif self._tokens is None and name in STEPS[:3]:
                steps.append(HealthStep(name, "skipped", _NOT_AWS))
            else:
                steps.append(_taken(name, action))
        whom = f", as {self._role_arn}" if self._role_arn else ""
        return HealthReport(f"{self._connection.description}{whom}", tuple(steps))

    def _credentials(self) -> str:
        from awsauth.aws.identity import source_in_words

        return source_in_words(self._signing.session)

    def _identity(self) -> str:
        role = self._signing.role_arn
        first = self._signing.for_role(None).caller() if role else ""
        self._arn = self._signing.caller()
        return f"{first}, who becomes {self._arn}" if first else self._arn

    def _token(self) -> str:
        signing = self._signing
        token = signing.new_token()
        self._transport = self._transport.with_token(token.value, acts=self._role_arn is None)
        until = f"{token.expires_at:%H:%M:%S} UTC"
        return f"signed for the cluster {signing.cluster_id} with STS in {signing.region}, good until {until}"

    def _api_server(self) -> str:
        try:
            version = self._transport.get("/version")
        except UnavailableError:
            raise
        except ApiError as error:
            # Whom it knows is the next step's business.
            if error.status not in (401, 403):
                raise
            version = {}
        named = version.get("gitVersion")
        server = f"Kubernetes {named}" if named else "a server"
        return f"{server} at {self._transport.host}, {self._transport.trust}"

    def _authenticated(self) -> str:
        try:
            self._review = found = self_review(self._transport)
        except AuthenticationError as error:
            if not self._arn:
                raise
            raise self._unknown(error) from error
        except ForbiddenError:
            return "somebody whom it does not tell: the right to ask was taken away (system:basic-user)"
        if found is None:
            return "somebody whom it cannot tell, as a server before Kubernetes 1.27"
        groups = ", ".join(quoted(group) for group in sorted(found.own_groups))
        return f"{quoted(found.username)}, in {groups or 'no group of its own'}{self._entry(found)}"

    def _unknown(self, error: AuthenticationError) -> AwsAuthError:
        from awsauth.aws.errors import clock_difference

        try:
            caller = Caller(self._arn)
        except InvalidValueError as odd:
            return odd
        return unknown(caller, self._target(), self._explained(self._arn), clock_difference(error.stamp))

    def _target(self) -> EksTarget:
        from awsauth.connections.eks import EksConnection, cluster_info

        connection = self._connection
        facts: EksClusterInfo | None
        if isinstance(connection, EksConnection):
            # The token of a local cluster names its id.
            name, facts = connection.cluster.name, connection.facts
        else:
            name, facts = self._signing.cluster_id, cluster_info(connection)
        try:
            mode = facts.authentication_mode() if facts is not None else None
        except AwsAuthError:
            mode = None
        return EksTarget(name, self._signing.region, mode != "API", self._signing.session.botocore.profile or "")

    def _entry(self, found: SelfReview) -> str:
        """Say which entry of ``aws-auth`` makes the caller who it is."""
        if not found.arn:
            return ""
        explanation = self._explained(found.arn, found.session_name or None)
        if explanation is None:
            return "; which entry of aws-auth that is cannot be told: it may not be read"
        for outcome in explanation.outcomes:
            same = outcome.username == found.username and found.groups.issuperset(outcome.groups)
            if (same or outcome.unresolved) and not outcome.refusal:
                return f", by {outcome.location}"
        return f", {_OTHER_WAY}"

    def _explained(self, arn: str, session_name: str | None = None) -> Explanation | None:
        try:
            return explain(self._store.read().document, Caller(arn, session_name=session_name))
        except AwsAuthError:
            # Who may not read it is not let in by it the less.
            return None

    def _authorised(self) -> str:
        denied = missing(self._transport, self._rules)
        if denied:
            raise forbidden(self._review, denied, self._unheard_of(denied))
        return f"may {'; '.join(map(str, self._rules))}" if self._rules else "nothing was named"

    def _drift(self) -> str:
        try:
            snapshot = self._store.read()
        except AwsAuthError:
            return "it cannot be told: aws-auth may not be read"
        for finding in drift(self._store, snapshot):
            raise AwsAuthError(f"{finding.message} {finding.impact}", hint=finding.hint)
        return "no other tool removed nodes or administrators since the last revision"

    def _unheard_of(self, denied: Sequence[RbacRule]) -> list[str]:
        """Return the resources that were named without a group and are none of the core group."""
        named = dict.fromkeys(rule.resource for rule in denied if not rule.group and rule.resource != "*")
        try:
            known = {resource["name"] for resource in self._transport.get("/api/v1")["resources"]}
        except (AwsAuthError, KeyError, TypeError):
            return []
        return [resource for resource in named if resource not in known]

    @property
    def _signing(self) -> TokenSource:
        if self._tokens is None:
            raise UsageError(_NOT_AWS, hint="Connect to the EKS cluster by its name.")
        return self._tokens


def _taken(name: str, action: Callable[[], str]) -> HealthStep:
    started = time.perf_counter()
    try:
        detail = action()
    except AwsAuthError as error:
        return HealthStep(name, "failed", seconds=time.perf_counter() - started, cause=error.summary, hint=error.hint)
    return HealthStep(name, "passed", visible(detail), time.perf_counter() - started)
