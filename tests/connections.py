"""Connections to an API server from a kubeconfig, without a client around them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsauth.connecting import from_kubeconfig

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from awsauth.kube.transport import Transport


def connected(kubeconfig: Path, *, as_user: str | None = None, as_groups: Sequence[str] = ()) -> Transport:
    """Return a transport for whoever has the kubeconfig, or whom that one acts as."""
    return from_kubeconfig(path=kubeconfig, as_user=as_user, as_groups=as_groups).transport
