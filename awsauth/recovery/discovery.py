"""What a recovery finds: who the caller is, what a new token of theirs gets, and by which way they could get in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from awsauth.aws.access_entries import AccessEntries
from awsauth.aws.iam import get_role
from awsauth.connections.eks import from_eks
from awsauth.core.access.caller import Caller
from awsauth.core.access.matching import canonical
from awsauth.core.arn import canonical_role, same
from awsauth.core.text.display import quoted, visible
from awsauth.errors import AwsAuthError, AwsPermissionError, RecoveryError, UsageError
from awsauth.kube.rbac import CHANGER
from awsauth.recovery.temporary_access import TemporaryAccess
from awsauth.verification.probe import ProbeResult, TokenProbe

if TYPE_CHECKING:
    from contextlib import ExitStack

    import boto3

    from awsauth.aws.eks import EksCluster
    from awsauth.aws.session import AwsSession
    from awsauth.recovery.report import Way

_SHOWN: Final = 5


class ClusterRef(NamedTuple):
    """Which cluster, and as whom AWS is asked; as for `awsauth.connections.eks.from_eks`."""

    cluster: str
    region: str | None
    profile: str | None
    session: boto3.Session | None


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found. Nothing has been changed.

    Attributes:
        session: Whom AWS is asked as.
        cluster: The cluster.
        caller: Whom STS takes the caller for.
        own: The caller, before the API server.
        seen: What a new token of the caller's got.
        entrance: Who is to repair: the caller, now or later, or the creator.
        way: How the one gets in.
        temporary: The caller's temporary access, as far as there is any; None where it is not needed and not there.
        notes: What else is worth knowing.
    """

    session: AwsSession
    cluster: EksCluster
    caller: Caller
    own: TokenProbe
    seen: ProbeResult
    entrance: TokenProbe
    way: Way
    temporary: TemporaryAccess | None
    notes: tuple[str, ...]


def discover(
    location: ClusterRef, *, creator_role: str | None, iam_arn: str | None, open_until: ExitStack
) -> Discovery:
    """Look at the cluster, the caller and the ways in; nothing is changed.

    Args:
        location: Which cluster.
        creator_role: The role that made the cluster, to be assumed, if that is known.
        iam_arn: The caller's ARN with its real path, where IAM may not be asked for it.
        open_until: Closes the connections.

    Raises:
        RecoveryError: the cluster does not look at ``aws-auth``, or the caller can have no access entry.
        AwsAuthError: EKS, STS, IAM or the API server cannot be asked.
    """
    connection = from_eks(location.cluster, region=location.region, profile=location.profile, session=location.session)
    open_until.callback(connection.close)
    cluster = connection.cluster
    if cluster.authentication_mode == "API":
        raise RecoveryError(
            f"The authentication mode of {quoted(cluster.name)} is API: the cluster does not look at aws-auth, and nobody "
            "gets in by repairing it; nothing was changed.",
            hint="Let people in by access entries: aws eks create-access-entry and aws eks associate-access-policy.",
        )
    own = TokenProbe(connection.tokens, connection.transport, CHANGER)
    return _Discovering(location, cluster, connection.session, own, open_until).found(creator_role, iam_arn)


class _Discovering:
    def __init__(
        self, location: ClusterRef, cluster: EksCluster, session: AwsSession, own: TokenProbe, open_until: ExitStack
    ) -> None:
        self._where = location
        self._cluster = cluster
        self._session = session
        self._own = own
        self._open_until = open_until
        self._entries = AccessEntries(session, cluster)
        self._notes: list[str] = []

    def found(self, creator_role: str | None, iam_arn: str | None) -> Discovery:
        caller = Caller(self._own.tokens.caller())
        seen = self._own.look()
        way: Way = "direct" if seen.may_repair else "access-entry"
        entrance = self._own
        if not seen.may_repair and creator_role is not None:
            creator = self._creator(creator_role)
            if creator is not None:
                way, entrance = "creator", creator
        temporary = self._temporary(caller, way, iam_arn)
        if way == "access-entry" and temporary is not None:
            temporary.check()
        return Discovery(
            session=self._session,
            cluster=self._cluster,
            caller=caller,
            own=self._own,
            seen=seen,
            entrance=entrance,
            way=way,
            temporary=temporary,
            notes=tuple(self._notes),
        )

    def _creator(self, role_arn: str) -> TokenProbe | None:
        """Return the creator, if it can be assumed and may repair."""
        location = self._where
        try:
            connection = from_eks(
                location.cluster,
                region=location.region,
                profile=location.profile,
                session=location.session,
                role_arn=role_arn,
            )
            self._open_until.callback(connection.close)
            creator = TokenProbe(connection.tokens, connection.transport, CHANGER)
            seen = creator.look()
        except AwsAuthError as error:
            self._notes.append(f"{visible(role_arn)} is of no help: {error.message}")
            return None
        if not seen.may_repair:
            self._notes.append(f"{visible(role_arn)} is of no help: it is {seen}")
            return None
        return creator

    def _temporary(self, caller: Caller, way: Way, iam_arn: str | None) -> TemporaryAccess | None:
        entry = None
        if self._cluster.authentication_mode != "CONFIG_MAP":
            try:
                entry = self._entries.of_caller(caller.canonical_arn)
                self._look_at_others(caller, way)
            except AwsPermissionError as error:
                if way == "access-entry":
                    raise
                self._notes.append(f"Access entries were not looked at: {error.message}")
        if entry is not None:
            temporary = TemporaryAccess(self._entries, entry.entry.principal_arn, entry)
            if temporary.own_entry_stays:
                self._notes.append(f"An access entry wins over what aws-auth says of the caller: {entry.entry}")
            return temporary
        if way != "access-entry":
            return None
        return TemporaryAccess(self._entries, self._iam_arn(caller, iam_arn), None)

    def _look_at_others(self, caller: Caller, way: Way) -> None:
        """Note whose temporary access is left behind, and, where it helps, who else gets in."""
        administrators = [
            found
            for arn in self._entries.principals(administrators=True)
            if not same(canonical(arn), caller.canonical_arn) and (found := self._entries.find(arn))
        ]
        for found in administrators:
            left = TemporaryAccess(self._entries, found.entry.principal_arn, found).leftovers()
            self._notes += [f"Another recovery has left this behind, or is at work: {one}" for one in left]
        others = [found.entry.principal_arn for found in administrators if not found.is_temporary]
        if others and way == "access-entry":
            shown = f"{', '.join(others[:_SHOWN])}{' and others' if len(others) > _SHOWN else ''}"
            self._notes.append(
                f"By access entries these are administrators: {shown}. One that you may assume, given as creator_role=…, "
                "comes before everything else."
            )

    def _iam_arn(self, caller: Caller, given: str | None) -> str:
        """Return the caller's ARN as EKS wants it: with its real path."""
        if not caller.is_role:
            if ":user/" in caller.canonical_arn:
                return caller.canonical_arn
            raise RecoveryError(
                f"{quoted(caller.arn, 200)} can have no access entry: only roles and IAM users can; nothing was changed.",
                hint="Run it as a role that may change the cluster.",
            )
        if given is not None:
            if not same(canonical_role(given), caller.canonical_arn):
                raise UsageError(
                    f"iam_arn is {quoted(given, 200)}, and the caller is {quoted(caller.canonical_arn, 200)}; nothing was "
                    "changed.",
                    hint="Pass the caller's own ARN, with its path.",
                )
            return given
        try:
            role = get_role(self._session, caller.name)
        except AwsPermissionError as error:
            error.hint = f"{error.hint}\nOr pass the role's ARN, with its path, as iam_arn=…"
            raise
        if role is None:
            raise RecoveryError(
                f"There is no role {quoted(caller.name)} in IAM any more, so it can have no access entry; nothing was "
                "changed.",
                hint="Run it as a role that there is.",
            )
        return role.arn
