"""Owners (``ownerReferences``): what an object is deleted together with, and what may look after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from awsauth.core.revision import LABEL, NAMESPACE
from awsauth.core.revision_info import NAME
from awsauth.kube.listing import METADATA, objects

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsauth.kube.transport import Transport

REVISIONS: Final = f"/apis/apps/v1/namespaces/{NAMESPACE}/controllerrevisions"
SELECTOR: Final = f"{LABEL}={NAME}"
"""Of the revisions of ``aws-auth``."""


def owners_of(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the owners of an object, from its metadata, each as kind and name."""
    return tuple(f"{owner.get('kind', '')} {owner.get('name', '')}" for owner in metadata.get("ownerReferences") or ())


def read_revision_owners(transport: Transport) -> dict[str, tuple[str, ...]]:
    """Return the revisions that have owners, by the name of their object; one request, without their data.

    Raises:
        ForbiddenError: the right to list revisions is missing.
        AwsAuthError: what else the transport raises.
    """
    items = objects(transport, REVISIONS, accept=METADATA, labelSelector=SELECTOR)
    found = {item["metadata"]["name"]: owners_of(item["metadata"]) for item in items}
    return {name: owners for name, owners in found.items() if owners}
