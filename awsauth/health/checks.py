"""The health check: gets into a cluster step by step, as a deployment does.

Its advice is the missing mapping, or the missing RBAC binding.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from awsauth.core.access.caller import Caller
from awsauth.core.access.node_mappings import FIND_NODE_ROLE, node_principals
from awsauth.core.arn import canonical_role
from awsauth.core.cluster.facts import RBAC_GROUP
from awsauth.core.edit.validation import require
from awsauth.core.entries.model import AuthenticationMode, EntriesState
from awsauth.core.explain.explain import add_entries, explain
from awsauth.core.text.display import command_line, double_quoted, quoted, visible
from awsauth.errors import AuthenticationError, AwsAuthError, ForbiddenError, UsageError
from awsauth.health.report import NEEDS_EARLIER, STEPS, HealthReport, HealthStep
from awsauth.history.rollback import drift
from awsauth.kube.rbac import missing, rule_of
from awsauth.kube.self_review import SelfReview, self_review

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from awsauth.aws.token import TokenSource
    from awsauth.connections.kubernetes import Connection
    from awsauth.core.explain.explanation import Explanation
    from awsauth.core.report.rbac import RbacRule
    from awsauth.kube.transport import Transport
    from awsauth.stores.store import Store

GROUP: Final = "GROUP"  # stands in the advice for the group, which the administrator chooses


class EksTarget(NamedTuple):
    """The cluster that a token was made for.

    Attributes:
        cluster: Its name.
        region: Its region.
        reads_config_map: Whether it uses ``aws-auth``.
        profile: The AWS profile; empty if none is named.
    """

    cluster: str
    region: str
    reads_config_map: bool = True
    profile: str = ""


def unknown(caller: Caller, target: EksTarget, explanation: Explanation | None, clock: str) -> AwsAuthError:
    """Return the error for a 401, with the call and the command that map the caller.

    Args:
        caller: The caller, as STS has it.
        target: The cluster that does not know the caller.
        explanation: What ``aws-auth`` has for the caller; None if it could not be read.
        clock: How far this machine's clock is off, as in "5 minutes behind"; empty if it is right.
    """
    message = f"The API server does not know {caller.canonical_arn} (401)."
    if clock:
        message += f" This machine's clock is {clock} that of the API server, which refuses such tokens."
        return AwsAuthError(message, hint="Set the clock (chronyc makestep, timedatectl set-ntp true), then try again.")
    location = explanation.outcomes[0].location if explanation and explanation.outcomes else None
    if explanation and explanation.username is not None and not location:
        advice = "If that was deleted and created again since, delete the entry and create it again"
        finds = "`awsauth check` finds such entries (entry-stale)"
        hint = f"EKS ties an entry to the id of its role or user. {advice}: {finds}."
        return AwsAuthError(f"{message} It has an access entry.", hint=hint)
    if explanation and explanation.username is not None:
        other = f"this may be another cluster than {quoted(target.cluster)}, for which the token was made"
        hint = f"The cluster sees a change after a few seconds: try again. If it still fails, {other}."
        return AwsAuthError(f"{message} aws-auth does map it ({location}).", hint=hint)
    nearest = [str(candidate) for candidate in explanation.candidates[:3]] if explanation else []
    unmapped = ["aws-auth does not map it.", *nearest] if explanation else []
    return AwsAuthError(" ".join([message, *unmapped]), hint="\n".join(_mapping(caller, target)))


def _mapping(caller: Caller, target: EksTarget) -> list[str]:
    if not target.reads_config_map:
        command = ["aws", "eks", "create-access-entry", "--cluster-name", target.cluster, "--region", target.region]
        command += ["--principal-arn", caller.canonical_arn, "--kubernetes-groups", GROUP]
        ask = f"Ask an administrator for an access entry, with a group for {GROUP}"
        return [f"This cluster ignores aws-auth. {ask}:", f"  {command_line(*command)}"]
    kind = "role" if caller.is_role else "user"
    mapping = f"username={double_quoted(caller.name)}, groups=[{double_quoted(GROUP)}]"
    cluster = f"cluster={double_quoted(target.cluster)}, region={double_quoted(target.region)}"
    call = f"awsauth.add_{kind}_mapping({double_quoted(caller.canonical_arn)}, {mapping}, {cluster})"
    command = ["awsauth", "add", kind, caller.canonical_arn, "--username", caller.name, "--group", GROUP]
    location = ["--cluster", target.cluster, "--region", target.region]
    recover = ["awsauth", "recover", *location, *(["--profile", target.profile] if target.profile else [])]
    return [
        f"Ask an administrator of the cluster to map it, under any username, and with a group for {GROUP}:",
        f"  {call}",
        f"  {command_line(*command, *location)}",
        "If you are locked out and may call the EKS API, restore your access yourself:",
        f"  {command_line(*recover)}",
    ]


def forbidden(review: SelfReview | None, denied: Sequence[RbacRule], unheard_of: Iterable[str]) -> AwsAuthError:
    """Return the error for missing rights, with roles that grant them.

    Args:
        review: The caller, as the API server has it; None if unknown.
        denied: The missing rules.
        unheard_of: Resources without an API group that the core group does not have.
    """
    who = quoted(review.username) if review else "The caller"
    message = f"{who} may not {'; '.join(map(str, denied))} (403)."
    for resource in unheard_of:
        message += f" The core group has no {quoted(resource)}: name its group, as in `deployments.apps`."
    return AwsAuthError(message, hint="\n".join(_bindings(review, denied)))


def _bindings(review: SelfReview | None, denied: Sequence[RbacRule]) -> list[str]:
    kind, subject = _subject(review)
    name = f"health-check-{re.sub('[^a-z0-9.-]+', '-', subject.lower()).strip('-.')}"
    lines = ["Ask an administrator of the cluster to apply this (kubectl apply -f -):"]
    for namespace in dict.fromkeys(rule.namespace for rule in denied):
        role = "Role" if namespace else "ClusterRole"
        head = [f"metadata: {{name: {name}{f', namespace: {double_quoted(namespace)}' if namespace else ''}}}"]
        lines += [f"apiVersion: {RBAC_GROUP}/v1", f"kind: {role}", *head, "rules:"]
        lines += [line for rule in denied if rule.namespace == namespace for line in rule.yaml.splitlines()]
        lines += ["---", f"apiVersion: {RBAC_GROUP}/v1", f"kind: {role}Binding", *head]
        lines += [f"roleRef: {{apiGroup: {RBAC_GROUP}, kind: {role}, name: {name}}}"]
        lines += [f"subjects: [{{apiGroup: {RBAC_GROUP}, kind: {kind}, name: {double_quoted(subject)}}}]", "---"]
    return lines[:-1]


def _subject(review: SelfReview | None) -> tuple[str, str]:
    """Return the subject to bind: a group if there is one.

    A username may contain a session name.
    """
    if not review:
        return "Group", GROUP
    groups = sorted(group for group in review.groups if not group.startswith("system:"))
    return ("Group", groups[0]) if groups else ("User", review.username)


_UNREADABLE: Final = "unknown: the caller may not read aws-auth"


def report_on(connection: Connection | None, store: Store, *, role_arn: str | None, may: Sequence[str]) -> HealthReport:
    """Check the caller's access and rights (see `AwsAuthClient.health_check`).

    Raises:
        UsageError: there is no cluster to check, or an argument makes no sense.
        InvalidValueError: `role_arn` is not the ARN of a role.
    """
    if not connection:
        raise UsageError("This client has no cluster to check.", hint="Connect to a cluster: cluster=, or context=.")
    tokens = _tokens(connection, role_arn)
    is_list = not isinstance(may, str) and all(isinstance(named, str) for named in may)
    require(is_list, "may", may, 'Pass a list, such as ["list nodes", "create deployments.apps in web"].')
    rules = tuple(map(rule_of, may))
    return _HealthCheck(connection, store, tokens, role_arn, rules, connection.transport).report()


def _tokens(connection: Connection, role_arn: str | None) -> TokenSource | None:
    """Return a source of tokens for the caller or the role.

    It is its own, so that the connection keeps its token.
    """
    tokens = connection.tokens
    if role_arn is not None:
        if not tokens:
            hint = "Connect to the EKS cluster by its name (cluster=, from_eks)."
            raise UsageError("This connection has no AWS credentials, so it cannot assume a role.", hint=hint)
        canonical_role(role_arn)
    return tokens and tokens.for_role(role_arn or tokens.role_arn)


@dataclass(slots=True)
class _HealthCheck:
    connection: Connection
    store: Store
    tokens: TokenSource | None
    role_arn: str | None
    rules: tuple[RbacRule, ...]
    transport: Transport
    arn: str = ""
    review: SelfReview | None = None

    def report(self) -> HealthReport:
        steps: list[HealthStep] = []
        by_aws = (self._credentials, self._identity, self._token)
        by_server = (self._api_server, self._authenticated, self._authorized, self._drift, self._nodes)
        for name, action in zip(STEPS, by_aws + by_server, strict=True):
            failed = any(step.result == "failed" for step in steps)
            if failed or (not self.tokens and action in by_aws):
                why = NEEDS_EARLIER if failed else "This connection does not use AWS credentials."
                steps.append(HealthStep(name, "skipped", why))
            else:
                steps.append(_taken(name, action))
        role = f", as {self.role_arn}" if self.role_arn else ""
        return HealthReport(f"{self.connection.description}{role}", tuple(steps))

    def _credentials(self) -> str:
        from awsauth.aws.identity import source_in_words

        return source_in_words(self._signing.session)

    def _identity(self) -> str:
        first = self._signing.for_role(None).caller() if self._signing.role_arn else ""
        self.arn = self._signing.caller()
        return f"{first}, who becomes {self.arn}" if first else self.arn

    def _token(self) -> str:
        signing = self._signing
        token = signing.token(renew=True)
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
        from awsauth.connections.eks import EksConnection

        connection, signing = self.connection, self._signing
        # The token of a local cluster has its id, not its name.
        name = connection.cluster.name if isinstance(connection, EksConnection) else signing.cluster_id
        target = EksTarget(name, signing.region, self._mode() != "API", signing.session.profile or "")
        explanation = self._explained(self.arn)
        return unknown(Caller(self.arn), target, explanation, clock_difference(error.stamp))

    def _mode(self) -> AuthenticationMode | None:
        """Return the authentication mode; None if it is not known."""
        with suppress(AwsAuthError):
            return eks.authentication_mode() if (eks := self.connection.eks) else None
        return None

    def _entry(self, found: SelfReview) -> str:
        """Return the caller's entry in ``aws-auth``, as the rest of a sentence."""
        if not found.arn:
            return ""
        if not (explanation := self._explained(found.arn, found.session_name or None)):
            return "; the entry is unknown, because the caller may not read aws-auth"
        for outcome in explanation.outcomes:
            same = outcome.username == found.username and found.groups.issuperset(outcome.groups)
            if (same or outcome.unresolved) and not outcome.refusal:
                return f", by {outcome.location or 'its access entry'}"
        return ", not by aws-auth, but by an access entry or as the cluster's creator"

    def _explained(self, arn: str, session_name: str | None = None) -> Explanation | None:
        try:
            found = explain(self.store.read().document, Caller(arn, session_name=session_name))
        except AwsAuthError:
            return None  # The caller may be mapped and still not be allowed to read it.
        with suppress(AwsAuthError):
            if eks := self.connection.eks:
                mode = eks.authentication_mode()
                entry = eks.entry_calls().of_caller(arn) if mode != "CONFIG_MAP" else None
                return add_entries(found, EntriesState(mode, (entry,) if entry else ()))
        return found

    def _authorized(self) -> str:
        if denied := missing(self.transport, self.rules):
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
            if (eks := self.connection.eks) and any(entry.lets_nodes_in for entry in eks.access_entries().entries):
                return "they join by access entries"
        who = "Nodes" if mode == "CONFIG_MAP" else "Nodes without an access entry"
        rollback = "`awsauth history`, then `awsauth rollback --to N` for a revision N with the nodes"
        hint = f"Run {rollback}, or `awsauth add node ROLE_ARN`, with the role of `{FIND_NODE_ROLE}`."
        return HealthStep("nodes", "warning", cause=f"aws-auth has no node mapping. {who} cannot join.", hint=hint)

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
