"""The health check: gets into a cluster step by step, as a deployment does."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, cast

from awsauth.core.access.caller import Caller
from awsauth.core.access.node_mappings import node_principals
from awsauth.core.arn import canonical_role
from awsauth.core.entries.view import EntriesState
from awsauth.core.explain.explain import explain, with_entries
from awsauth.core.text.display import quoted, quoted_value, visible
from awsauth.errors import AuthenticationError, AwsAuthError, ForbiddenError, InvalidValueError, UsageError
from awsauth.health.advice import EksTarget, forbidden, no_nodes, unknown
from awsauth.health.report import NEEDS_EARLIER, STEPS, HealthReport, HealthStep
from awsauth.history.drift import drift
from awsauth.kube.rbac import RbacRule, missing, rule_of
from awsauth.kube.self_review import SelfReview, self_review

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from awsauth.aws.token import TokenSource
    from awsauth.connections.eks import EksClusterInfo
    from awsauth.connections.kubernetes import Connection
    from awsauth.core.entries.model import AuthenticationMode
    from awsauth.core.explain.explanation import Explanation
    from awsauth.kube.transport import Transport
    from awsauth.stores.store import Store

_OTHER_WAY: Final = "not by aws-auth, but by an access entry or as the cluster's creator"
_UNREADABLE: Final = "unknown: the caller may not read aws-auth"
_NOT_AWS: Final = "This connection does not use AWS credentials."


def health_report(
    connection: Connection | None, store: Store, *, role_arn: str | None, may: Sequence[str]
) -> HealthReport:
    """Check the caller's access and rights (see `AwsAuthClient.health_check`).

    Raises:
        UsageError: there is no cluster to check, or an argument makes no sense.
        InvalidValueError: `role_arn` is not the ARN of a role.
    """
    if not connection:
        raise UsageError("This client has no cluster to check.", hint="Connect to a cluster: cluster=, or context=.")
    return _HealthCheck(connection, store, _tokens(connection, role_arn), role_arn, _rules(may)).report()


def _tokens(connection: Connection, role_arn: str | None) -> TokenSource | None:
    """Return a source of tokens for the caller or the role.

    It is its own, so that the connection keeps its token.
    """
    if role_arn is None:
        return connection.tokens and connection.tokens.for_role(connection.tokens.role_arn)
    if not connection.tokens:
        hint = "Connect to the EKS cluster by its name (cluster=, from_eks)."
        raise UsageError("This connection has no AWS credentials, so it cannot assume a role.", hint=hint)
    canonical_role(role_arn)
    return connection.tokens.for_role(role_arn)


def _rules(may: Any) -> tuple[RbacRule, ...]:
    if isinstance(may, str) or not all(isinstance(named, str) for named in may):
        hint = 'Pass a list, such as ["list nodes", "create deployments.apps in web"].'
        raise UsageError(f"may is {quoted_value(may)}.", hint=hint)
    return tuple(map(rule_of, may))


@dataclass(slots=True)
class _HealthCheck:
    connection: Connection
    store: Store
    tokens: TokenSource | None
    role_arn: str | None
    rules: tuple[RbacRule, ...]
    transport: Transport = field(init=False)
    arn: str = ""
    review: SelfReview | None = None

    def __post_init__(self) -> None:
        self.transport = self.connection.transport

    def report(self) -> HealthReport:
        steps: list[HealthStep] = []
        by_aws = (self._credentials, self._identity, self._token)
        by_server = (self._api_server, self._authenticated, self._authorized, self._drift, self._nodes)
        for name, action in zip(STEPS, by_aws + by_server, strict=True):
            failed = any(step.result == "failed" for step in steps)
            if failed or (not self.tokens and action in by_aws):
                steps.append(HealthStep(name, "skipped", NEEDS_EARLIER if failed else _NOT_AWS))
            else:
                steps.append(_taken(name, action))
        role = f", as {self.role_arn}" if self.role_arn else ""
        return HealthReport(f"{self.connection.description}{role}", tuple(steps))

    def _credentials(self) -> str:
        from awsauth.aws.identity import source_in_words

        return source_in_words(self._signing.session)

    def _identity(self) -> str:
        role = self._signing.role_arn
        first = self._signing.for_role(None).caller() if role else ""
        self.arn = self._signing.caller()
        return f"{first}, who becomes {self.arn}" if first else self.arn

    def _token(self) -> str:
        signing = self._signing
        token = signing.new_token()
        self.transport = self.transport.with_token(token.value, acts=self.role_arn is None)
        made = f"signed for the cluster {signing.cluster_id} with STS in {signing.region}"
        return f"{made}, valid until {token.expires_at:%H:%M:%S} UTC"

    def _api_server(self) -> str:
        try:
            version = self.transport.get("/version")
        except (AuthenticationError, ForbiddenError):
            version = {}  # The next step checks the identity.
        server = f"Kubernetes {version['gitVersion']}" if version.get("gitVersion") else "a server"
        return f"{server} at {self.transport.host}, {self.transport.tls_summary}"

    def _authenticated(self) -> str:
        try:
            self.review = found = self_review(self.transport)
        except AuthenticationError as error:
            if not self.arn:
                raise
            raise self._unknown(error) from error
        except ForbiddenError:
            return "authenticated, but the username is hidden: the role system:basic-user was removed"
        if not found:
            return "authenticated; servers before Kubernetes 1.27 do not report the username"
        groups = ", ".join(quoted(group) for group in sorted(found.own_groups))
        return f"{quoted(found.username)}, in {groups or 'no group of its own'}{self._entry(found)}"

    def _unknown(self, error: AuthenticationError) -> AwsAuthError:
        from awsauth.aws.errors import clock_difference

        try:
            caller = Caller(self.arn)
        except InvalidValueError as odd:
            return odd
        return unknown(caller, self._target(), self._explained(self.arn), clock_difference(error.stamp))

    def _target(self) -> EksTarget:
        from awsauth.connections.eks import EksConnection

        connection = self.connection
        # The token of a local cluster has its id, not its name.
        name = connection.cluster.name if isinstance(connection, EksConnection) else self._signing.cluster_id
        profile = self._signing.session.botocore.profile or ""
        return EksTarget(name, self._signing.region, self._mode() != "API", profile)

    def _mode(self) -> AuthenticationMode | None:
        """Return the authentication mode; None if it is not known."""
        with suppress(AwsAuthError):
            return facts.authentication_mode() if (facts := self._facts()) else None
        return None

    def _facts(self) -> EksClusterInfo | None:
        if not self.connection.tokens:
            return None
        from awsauth.connections.eks import cluster_info

        return cluster_info(self.connection)

    def _entry(self, found: SelfReview) -> str:
        """Return the caller's entry in ``aws-auth``, as the rest of a sentence."""
        if not found.arn:
            return ""
        explanation = self._explained(found.arn, found.session_name or None)
        if not explanation:
            return "; the entry is unknown, because the caller may not read aws-auth"
        for outcome in explanation.outcomes:
            same = outcome.username == found.username and found.groups.issuperset(outcome.groups)
            if (same or outcome.unresolved) and not outcome.refusal:
                return f", by {outcome.location or 'its access entry'}"
        return f", {_OTHER_WAY}"

    def _explained(self, arn: str, session_name: str | None = None) -> Explanation | None:
        try:
            found = explain(self.store.read().document, Caller(arn, session_name=session_name))
        except AwsAuthError:
            return None  # The caller may be mapped and still not be allowed to read it.
        with suppress(AwsAuthError):
            if facts := self._facts():
                entry = facts.entry_of(arn)
                return with_entries(found, EntriesState(facts.authentication_mode(), (entry,) if entry else ()))
        return found

    def _authorized(self) -> str:
        denied = missing(self.transport, self.rules)
        if denied:
            raise forbidden(self.review, denied, self._unheard_of(denied))
        return f"may {'; '.join(map(str, self.rules))}" if self.rules else "no rights were named"

    def _drift(self) -> str | HealthStep:
        try:
            snapshot = self.store.read()
        except AwsAuthError:
            return _UNREADABLE
        found = drift(self.store, snapshot)
        if found is None:
            return HealthStep("drift", "skipped", "there is no revision to compare with")
        for finding in found:
            raise AwsAuthError(f"{finding.message} {finding.impact}", hint=finding.hint)
        return "no other tool removed nodes or administrators since the last revision"

    def _nodes(self) -> str | HealthStep:
        """Check that aws-auth or an access entry admits nodes."""
        try:
            roles = node_principals(self.store.read().document)
        except AwsAuthError:
            return _UNREADABLE
        mode = self._mode()
        if roles or mode == "API":
            return f"aws-auth maps {', '.join(map(quoted, roles))}" if roles else "the cluster ignores aws-auth"
        with suppress(AwsAuthError):
            facts = self._facts() if mode != "CONFIG_MAP" else None
            if facts and any(entry.lets_nodes_in for entry in facts.access_entries().entries):
                return "they join by access entries"
        return no_nodes("Nodes" if mode == "CONFIG_MAP" else "Nodes without an access entry")

    def _unheard_of(self, denied: Sequence[RbacRule]) -> list[str]:
        """Return the resources without a group that the core group does not have."""
        named = dict.fromkeys(rule.resource for rule in denied if not rule.group and rule.resource != "*")
        try:
            known = {resource["name"] for resource in self.transport.get("/api/v1")["resources"]}
        except (AwsAuthError, KeyError, TypeError):
            return []
        return [resource for resource in named if resource not in known]

    @property
    def _signing(self) -> TokenSource:
        return cast("TokenSource", self.tokens)  # Without tokens, the steps that use them are skipped.


def _taken(name: str, action: Callable[[], str | HealthStep]) -> HealthStep:
    started = time.perf_counter()
    try:
        found = action()
    except AwsAuthError as error:
        return HealthStep(name, "failed", seconds=time.perf_counter() - started, cause=error.summary, hint=error.hint)
    step = HealthStep(name, "passed", visible(found)) if isinstance(found, str) else found
    return replace(step, seconds=time.perf_counter() - started)
