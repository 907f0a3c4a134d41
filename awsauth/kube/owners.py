"""Owners (``ownerReferences``): what an object is deleted together with, and what may look after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from awsauth.core.revision import LABEL, NAMESPACE
from awsauth.core.revision_info import NAME
from awsauth.kube.fields import Fields
from awsauth.kube.listing import METADATA, objects

if TYPE_CHECKING:
    from awsauth.kube.transport import Transport

REVISIONS: Final = f"/apis/apps/v1/namespaces/{NAMESPACE}/controllerrevisions"
SELECTOR: Final = f"{LABEL}={NAME}"
"""Of the revisions of ``aws-auth``."""


def owners_of(metadata: Fields) -> tuple[str, ...]:
    """Return the owners of an object, from its metadata, each as kind and name.

    Raises:
        ApiError: something else stands in their place.
    """
    return tuple(f"{owner.text('kind')} {owner.text('name')}" for owner in metadata.objects("ownerReferences"))


def read_revision_owners(transport: Transport) -> dict[str, tuple[str, ...]]:
    """Return the revisions that have owners, by the name of their object; one request, without their data.

    Raises:
        ForbiddenError: the right to list revisions is missing.
        ApiError: what is listed are no revisions.
        AwsAuthError: what else the transport raises.
    """
    items = objects(transport, REVISIONS, accept=METADATA, labelSelector=SELECTOR)
    revisions = (Fields(item, "ControllerRevision", REVISIONS).object("metadata") for item in items)
    found = {metadata.name(): owners_of(metadata) for metadata in revisions}
    return {name: owners for name, owners in found.items() if owners}
