"""The answers of EKS about one cluster, kept for a minute."""

from __future__ import annotations

import math
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Generic, TypeVar, cast

from awsauth.aws.eks import EksCluster, describe_cluster, switch_authentication_mode
from awsauth.aws.session import AwsSession
from awsauth.core.text.display import quoted
from awsauth.errors import AwsAuthError, AwsServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from awsauth.aws.access_entries import AccessEntries, ReadEntries
    from awsauth.core.cluster.facts import ClusterNode, NodeEvidence
    from awsauth.core.entries.findings import IamFacts
    from awsauth.core.entries.model import AuthenticationMode
    from awsauth.kube.transport import Transport

_T = TypeVar("_T")

_LASTS: Final = 60.0  # seconds for which the answers of EKS are reused
_SWITCHES: Final = 600.0  # seconds within which EKS switches the authentication mode


class _Cached(Generic[_T]):
    """The last answer or error of a call, which is repeated after a minute."""

    def __init__(self, ask: Callable[[], _T], answer: _T | None = None) -> None:
        self._ask = ask
        self._answer: _T | AwsAuthError | None = answer
        self._asked = time.monotonic() if answer else -math.inf
        self._lock = threading.Lock()

    def get(self) -> _T:
        with self._lock:
            if time.monotonic() - self._asked > _LASTS:
                try:
                    self._answer = self._ask()
                except AwsAuthError as error:
                    # If EKS cannot be reached, every further call would take a while.
                    self._answer = error
                self._asked = time.monotonic()
            if isinstance(self._answer, AwsAuthError):
                raise self._answer
            return cast("_T", self._answer)

    def forget(self) -> None:
        self._asked = -math.inf


class EksClusterInfo:
    """Answers of EKS about a cluster; each is reused for a minute.

    Args:
        session: The session that calls EKS.
        cluster: The description of the cluster, or its name.
        transport: To its API server.
    """

    def __init__(self, session: AwsSession, cluster: EksCluster | str, transport: Transport) -> None:
        self._session = session
        self._transport = transport
        name, known = (cluster, None) if isinstance(cluster, str) else (cluster.arn, cluster)
        self._cluster = _Cached(lambda: self._described(name), known)
        self._entries = _Cached(lambda: self.entry_calls().read())

    def authentication_mode(self) -> AuthenticationMode:
        """Return the authentication mode.

        Raises:
            AwsServiceError, CredentialsError: EKS does not answer.
        """
        return self._cluster.get().authentication_mode

    def account(self) -> str:
        """Return the account of the session; empty if EKS does not tell it.

        EKS describes clusters of the caller's own account only.
        """
        with suppress(AwsServiceError):
            return self._cluster.get().account
        return ""

    def access_entries(self) -> ReadEntries:
        """Return the access entries, with notes about those that could not be read.

        Raises:
            AwsServiceError, CredentialsError: they cannot be listed.
        """
        return self._entries.get()

    def entry_calls(self) -> AccessEntries:
        """Return the calls that read and change access entries; they keep no answers.

        Raises:
            AwsServiceError, CredentialsError: EKS does not answer.
        """
        from awsauth.aws.access_entries import AccessEntries

        return AccessEntries(self._session, self._cluster.get())

    def switch_mode(self, mode: AuthenticationMode) -> None:
        """Switch the authentication mode (see `switch_authentication_mode`)."""
        done: list[str] = []
        try:
            switch_authentication_mode(self._session, self._cluster.get(), mode, timeout=_SWITCHES, done=done)
        except AwsAuthError as error:
            error.changed = bool(done) or error.changed
            raise
        finally:
            self.forget()

    def forget(self) -> None:
        """Forget the authentication mode and the access entries."""
        self._cluster.forget()
        self._entries.forget()

    def iam_facts(self, principals: Iterable[str]) -> IamFacts:
        """Return since when principals exist in IAM.

        Raises:
            AwsServiceError, CredentialsError: STS does not answer.
        """
        from awsauth.aws.iam import iam_facts

        return iam_facts(self._session, principals)

    def node_evidence(self, nodes: tuple[ClusterNode, ...] | None) -> NodeEvidence:
        """Return the uses of node roles; None if the registered nodes are not known."""
        from awsauth.aws.node_roles import node_evidence

        # An access entry for nodes proves that their mapping is not needed. Without it the mapping counts as in use.
        try:
            entries = self.access_entries().entries
        except AwsServiceError:
            entries = ()
        return node_evidence(self._session, self._cluster.get(), nodes=nodes, get=self._transport.get, entries=entries)

    def node_groups(self) -> NodeEvidence:
        """Return the roles of the node groups of EKS.

        Raises:
            AwsServiceError, CredentialsError: EKS does not answer.
        """
        from awsauth.aws.node_roles import evidence_of_node_groups

        return evidence_of_node_groups(self._session, self._cluster.get())

    def sso_roles(self) -> tuple[str, ...]:
        """Return the ARNs of the permission set roles in the caller's account.

        Raises:
            AwsServiceError, CredentialsError: IAM does not answer.
        """
        from awsauth.aws.iam import list_sso_roles

        return list_sso_roles(self._session)

    def _described(self, cluster: str) -> EksCluster:
        found = describe_cluster(self._session, cluster)
        # A name is unique in one account and region only; the address may be that of another cluster, or of a tunnel.
        if cluster != found.arn and found.endpoint.rstrip("/").lower() != self._transport.host.rstrip("/").lower():
            place = f"EKS has the API server of {found.arn} at {quoted(found.endpoint, 200)}"
            other = f"the connection goes to {quoted(self._transport.host, 200)}: it may be another cluster"
            hint = "Connect by the cluster's name (cluster=, from_eks), with the right profile and region."
            raise AwsServiceError(f"{place}, but {other}.", hint=hint)
        return found
