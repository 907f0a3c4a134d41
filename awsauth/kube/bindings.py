"""Whom the RoleBindings and ClusterRoleBindings of a cluster mention."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from awsauth.core.cluster_facts import Bindings
from awsauth.kube.fields import Fields
from awsauth.kube.listing import objects

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from awsauth.kube.transport import Transport

_PATH: Final = "/apis/rbac.authorization.k8s.io/v1/"
_ADMIN: Final = "cluster-admin"


def read_bindings(transport: Transport) -> Bindings:
    """Return whom RBAC mentions; two requests, more where there are more than 500 bindings of a kind.

    Raises:
        ForbiddenError: the right to list bindings in the whole cluster is missing.
        ApiError: what is listed are no bindings.
        AwsAuthError: what else the transport raises.
    """
    cluster_wide = objects(transport, f"{_PATH}clusterrolebindings")
    in_namespaces = objects(transport, f"{_PATH}rolebindings")
    return bindings_of(cluster_wide, in_namespaces)


def bindings_of(cluster_wide: Iterable[Mapping[str, Any]], in_namespaces: Iterable[Mapping[str, Any]]) -> Bindings:
    """Return whom bindings mention, from the objects.

    A binding in a namespace gives ``cluster-admin`` in that namespace only, so it makes nobody an administrator.

    Raises:
        ApiError: one is no binding. Left out, somebody could count as bound to nothing, or nobody as an administrator.
    """
    usernames: defaultdict[str, list[str]] = defaultdict(list)
    groups: defaultdict[str, list[str]] = defaultdict(list)
    admins: dict[str, set[str]] = {"User": set(), "Group": set()}
    for kind, bindings in (("ClusterRoleBinding", cluster_wide), ("RoleBinding", in_namespaces)):
        for item in bindings:
            binding = Fields(item, kind, f"{_PATH}{kind.lower()}s")
            metadata = binding.object("metadata")
            shown = f"{kind} {'/'.join(filter(None, [metadata.text('namespace'), metadata.name()]))}"
            role = binding.object("roleRef").text("name")
            is_admin = kind == "ClusterRoleBinding" and role == _ADMIN
            for subject, name in _subjects(binding):
                (usernames if subject == "User" else groups)[name].append(shown)
                if is_admin:
                    admins[subject].add(name)
    return Bindings(
        {name: tuple(found) for name, found in usernames.items()},
        {name: tuple(found) for name, found in groups.items()},
        frozenset(admins["User"]),
        frozenset(admins["Group"]),
    )


def _subjects(binding: Fields) -> Iterator[tuple[str, str]]:
    """Yield the users and groups that a binding mentions; a service account is a user with a name of its own."""
    for subject in binding.objects("subjects"):
        kind = subject.text("kind")
        if kind in ("User", "Group"):
            yield kind, subject.name()
        elif kind == "ServiceAccount":
            yield "User", f"system:serviceaccount:{subject.text('namespace')}:{subject.name()}"
