"""The RBAC binding for administrators whose mapping becomes an access entry.

An entry overrides the mapping of its principal at once, and gets its policy by a second call. Until the API server uses
the policy, a group in the entry gives the same rights.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from awsauth.core.edit.validation import BRIDGE_GROUP
from awsauth.core.text.display import command_line
from awsauth.errors import AwsAuthError, ConflictError, ForbiddenError, NotFoundError
from awsauth.kube.resources import create_object, fields_of
from awsauth.kube.transport import Transport
from awsauth.system.backoff import retry_unavailable

_KIND: Final = "ClusterRoleBinding"
_BINDINGS: Final = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
_ROLE: Final = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
_SUBJECT: Final = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": BRIDGE_GROUP}
_GIVEN: Final = ("--clusterrole=cluster-admin", f"--group={BRIDGE_GROUP}")
_CREATE: Final = command_line("kubectl", "create", "clusterrolebinding", BRIDGE_GROUP, *_GIVEN)

_OURS: Final = {"app.kubernetes.io/managed-by": "awsauth"}

DELETE: Final = command_line("kubectl", "delete", "clusterrolebinding", BRIDGE_GROUP)


def check_binding(transport: Transport) -> bool:
    """Check the binding of the group, and return whether it has to be made.

    Raises:
        ConflictError: a binding of that name gives other rights.
        ForbiddenError: the caller may not read or create the binding.
        AwsAuthError: the transport raises it.
    """
    path = f"{_BINDINGS}/{BRIDGE_GROUP}"
    try:
        found = fields_of(retry_unavailable(lambda: transport.get(path)), _KIND, path)
    except NotFoundError:
        make_binding(transport, dry_run=True)
        return True
    if (found.object("roleRef"), found.objects("subjects")) != (_ROLE, [_SUBJECT]):
        message = f"The ClusterRoleBinding {BRIDGE_GROUP} does not bind the group {BRIDGE_GROUP}, and nothing else, to cluster-admin."
        hint = f"Look at it. If nothing needs it, delete it with `{DELETE}`, and run this again."
        raise ConflictError(message, hint=hint)
    return False


def make_binding(transport: Transport, *, dry_run: bool = False) -> None:
    """Make the binding, unless another client has made it since.

    Args:
        transport: To the API server.
        dry_run: Whether the server only checks that the caller may make it.

    Raises:
        ForbiddenError: the caller may not make it.
        AwsAuthError: the transport raises it.
    """
    binding: Any = {"apiVersion": f"{_SUBJECT['apiGroup']}/v1", "kind": _KIND, "roleRef": _ROLE, "subjects": [_SUBJECT]}
    binding["metadata"] = {"name": BRIDGE_GROUP, "labels": _OURS}
    try:
        create_object(transport, _BINDINGS, binding, dry_run=dry_run)
    except ForbiddenError as error:
        ask = f"Ask an administrator to create it with `{_CREATE}`, and to delete it after the change with `{DELETE}`."
        error.hint = f"{ask}\n{error.hint}"
        raise


def delete_binding(transport: Transport) -> None:
    """Delete the binding if awsauth made it; if that fails, it stays."""
    path = f"{_BINDINGS}/{BRIDGE_GROUP}"
    with suppress(AwsAuthError):
        if fields_of(transport.get(path), _KIND, path).object("metadata").get("labels") == _OURS:
            transport.delete(path)
