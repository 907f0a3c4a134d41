"""Connections to an API server without a client around them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubernetes.client import ApiClient, Configuration

from awsauth.connections.kubernetes import from_kubeconfig
from awsauth.kube.official_client import OfficialClientServer
from awsauth.kube.server import KubeServer
from awsauth.kube.transport import Transport
from awsauth.options import ConnectionOptions
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from awsauth.kube.server import BearerTokens
    from tests.support.controlplane.cluster import Cluster

way = "urllib3"
"""Which of the `WAYS` `transport_to` takes."""


def connected(kubeconfig: Path, *, as_user: str | None = None, as_groups: Sequence[str] = ()) -> Transport:
    """Return a transport for whoever has the kubeconfig, or whom that one acts as."""
    return from_kubeconfig(path=kubeconfig, options=ConnectionOptions(as_user=as_user, as_groups=as_groups)).transport


def transport_to(
    host: str, token: str | BearerTokens = "", *, ca_file: Path | None = None, proxy: str | None = None, **options: Any
) -> Transport:
    """Return a transport to an address, with a token or with tokens that are renewed, if any; it waits for long."""
    options.setdefault("timeout", PATIENCE)
    tokens = None if isinstance(token, str) else token
    if way == "urllib3":
        trusted = {"certificate-authority": str(ca_file)} if ca_file else {}
        user = {"token": token} if isinstance(token, str) else {}
        return Transport(KubeServer({"server": host, **trusted}, user, tokens, proxy), ConnectionOptions(**options))
    configuration = Configuration()
    configuration.host = host
    configuration.ssl_ca_cert = str(ca_file) if ca_file else None
    configuration.proxy = proxy
    if token and isinstance(token, str):
        configuration.api_key["authorization"] = f"Bearer {token}"
    return Transport(OfficialClientServer(ApiClient(configuration), tokens), ConnectionOptions(**options))


def direct(cluster: Cluster, token: str | None = None, **options: Any) -> Transport:
    """Return a transport to the cluster's API server itself."""
    token = cluster.admin_token if token is None else token
    return transport_to(cluster.server, token, ca_file=cluster.ca_file, **options)
