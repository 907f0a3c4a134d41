"""Connect with an API server: of a kubeconfig, a pod or the caller's client."""

from __future__ import annotations

import os
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from awsauth.core.edit.validation import check_texts
from awsauth.core.text.display import visible
from awsauth.errors import UsageError
from awsauth.kube import kubeconfig
from awsauth.kube.address import proxy_for
from awsauth.kube.server import BearerTokens, KubeServer, TokenFile, can_serve_kubeconfig
from awsauth.kube.transport import Transport
from awsauth.options import ConnectionOptions, check_timeout
from awsauth.system.debug_log import log_debug

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubernetes.client import ApiClient

    from awsauth.aws.token import TokenSource
    from awsauth.connections.eks_cluster_info import EksClusterInfo
    from awsauth.kube.kubeconfig import ResolvedContext
    from awsauth.kube.transport import ServerEndpoint


DEFAULT: Final = ConnectionOptions()

# Fields of a user that override its program. Source: ``k8s.io/client-go`` ``plugin/pkg/client/auth/exec``
# (``UpdateTransportConfig``).
_WINS: Final = frozenset(("token", "tokenFile", "client-certificate", "client-certificate-data", "username"))


@dataclass(slots=True, eq=False, repr=False)  # as for `Kubeconfig`
class Connection:
    """A connection with an API server.

    Attributes:
        transport: Sends requests.
        description: The cluster, for people: ``context kind-dev at https://127.0.0.1:6443``.
        is_own: Whether it was made here, and so is closed here.
        tokens: The source of the tokens, if they are signed here with AWS credentials.
        eks: Answers of EKS about the cluster, if its name in EKS is known.
    """

    transport: Transport
    description: str
    is_own: bool = True
    tokens: TokenSource | None = None
    eks: EksClusterInfo | None = None

    def close(self) -> None:
        """Close the connections, unless they belong to the caller's own client."""
        if self.is_own:
            self.transport.close()


def from_default_kubeconfig(options: ConnectionOptions = DEFAULT) -> Connection:
    """Connect as kubectl would.

    It uses the kubeconfig's current context, or else, in a pod, its service account.

    Raises:
        KubeconfigError: there is neither, or it cannot be used.
        UsageError: as for `Transport`.
        AwsAuthError: a token cannot be made, where tokens are signed here.
    """
    files = kubeconfig.default_paths()
    config = kubeconfig.read_kubeconfig(files)
    if config.contexts:
        return _connected(config.destination(), options)
    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        return in_cluster(options)
    message = "There is no kubeconfig with a context, and this is not a pod of a cluster."
    raise kubeconfig.error_in(files, message, "Name a context, a kubeconfig or an EKS cluster; or set KUBECONFIG.")


def from_kubeconfig(
    context: str | None = None, path: str | os.PathLike[str] | None = None, options: ConnectionOptions = DEFAULT
) -> Connection:
    """Connect with a context of a kubeconfig.

    Args:
        context: The context's name; None for the current one.
        path: The kubeconfig's file; None for the files that kubectl would read.
        options: How requests are sent. A user or groups in it replace those of the kubeconfig.

    Raises:
        KubeconfigError: the file or context does not exist, or gives no credentials.
        UsageError: `context` or `path` is empty; or as for `Transport`.
        AwsAuthError: a token cannot be made, where tokens are signed here.
    """
    check_texts(context=context, path=str(path) if isinstance(path, os.PathLike) else path)
    files = (Path(path),) if path is not None else kubeconfig.default_paths()
    config = kubeconfig.read_kubeconfig(files)
    if not config.files:
        hint = "Name another one with kubeconfig=…, or set KUBECONFIG."
        raise kubeconfig.error_in(files, "There is no kubeconfig.", hint)
    return _connected(config.destination(context), options)


def in_cluster(options: ConnectionOptions = DEFAULT) -> Connection:
    """Connect from a pod with its service account.

    Its token is read again when it is renewed.

    Raises:
        KubeconfigError: this is not a pod, or it has no service account.
        UsageError: as for `Transport`.
    """
    from awsauth.kube.official_client import in_pod

    transport = Transport(in_pod(), options)
    return Connection(transport, f"this pod's cluster at {visible(transport.host)}")


def from_api_client(api: ApiClient, options: ConnectionOptions = DEFAULT) -> Connection:
    """Connect with a client of the kubernetes package.

    The caller configures and closes it.

    Raises:
        UsageError: `api` is not such a client; or as for `Transport`.
    """
    given: Any = api
    if not hasattr(given, "rest_client") or not hasattr(given, "configuration"):
        hint = "Pass a kubernetes.client.ApiClient."
        raise UsageError(f"{type(given).__name__} is not a client of an API server.", hint=hint)
    from awsauth.kube.official_client import OfficialClientServer

    transport = Transport(OfficialClientServer(api), options)
    return Connection(transport, f"the cluster at {visible(transport.host)}", is_own=False)


def _connected(destination: ResolvedContext, options: ConnectionOptions) -> Connection:
    if options.as_user is None and not options.as_groups:
        options = ConnectionOptions(options.timeout, *destination.acts_as)
    check_timeout(options.timeout)
    user = destination.user
    stanza = user.get("exec") if _WINS.isdisjoint(user) and isinstance(user.get("exec"), dict) else None
    signed = _signed_here(stanza) if stanza else None
    tokens: BearerTokens | None = signed
    if isinstance(user.get("tokenFile"), str):
        tokens = TokenFile(user["tokenFile"], user["token"] if isinstance(user.get("token"), str) else "")
    elif stanza and not signed:
        from awsauth.kube.exec_credential import ExecPlugin

        tokens = ExecPlugin(stanza, destination.folder, destination.cluster, options.timeout)
    transport = Transport(server_of(destination, _without_exec(user, tokens), tokens), options)
    description = f"context {visible(destination.context)} at {visible(transport.host)}"
    log_debug("Connecting to %s; %s", description, "signing tokens here" if signed else "with its own credentials")
    return Connection(transport, description, tokens=signed, eks=_asked_here(signed, transport) if signed else None)


def _asked_here(tokens: TokenSource, transport: Transport) -> EksClusterInfo | None:
    """Return EKS's answers about the cluster that tokens name.

    A kubeconfig that `aws eks update-kubeconfig` wrote names the cluster, and the identity to ask EKS with.
    """
    from awsauth.aws.eks import is_cluster_name
    from awsauth.connections.eks_cluster_info import EksClusterInfo

    return EksClusterInfo(tokens.session, tokens.cluster_id, transport) if is_cluster_name(tokens.cluster_id) else None


def _signed_here(stanza: Mapping[str, Any]) -> TokenSource | None:
    """Return the tokens that the AWS CLI or the authenticator would print.

    Returns None for any other program.
    """
    from awsauth.aws.token import TokenSource, recognized

    if not (who := recognized(stanza, os.environ)):
        return None
    from awsauth.aws.session import AwsSession

    aws = AwsSession(profile=who.profile, region=who.region)
    return TokenSource(aws, who.cluster_id, region=aws.region, role_arn=who.role_arn, session_name=who.session_name)


def _without_exec(user: Mapping[str, Any], tokens: BearerTokens | None) -> Mapping[str, Any]:
    """Return the user with credentials instead of the program or file for them.

    The kubernetes client's own loader ignores a program that fails, and connects without credentials. It also runs a
    program that another field overrides.
    """
    if not tokens:
        return user if _WINS.isdisjoint(user) else {key: value for key, value in user.items() if key != "exec"}
    resolved = {key: value for key, value in user.items() if key not in {"exec", "tokenFile", "token"}}
    token = tokens.token()
    if token.value:
        resolved["token"] = token.value
    for name in ("certificate", "key"):  # a program may print these, too
        if pem := getattr(token, name, ""):
            resolved[f"client-{name}-data"] = b64encode(pem.encode()).decode()
    return resolved


def server_of(destination: ResolvedContext, user: Mapping[str, Any], tokens: BearerTokens | None) -> ServerEndpoint:
    """Return the server for a user whose token, if it has one, comes from `tokens`.

    Raises:
        KubeconfigError: the description of the cluster or the user cannot be used.
    """
    cluster = destination.cluster
    proxy = cluster.get("proxy-url") or proxy_for(cluster["server"])
    renewed = tokens if "token" in user else None
    if can_serve_kubeconfig(cluster, user, proxy):
        return KubeServer(cluster, user, renewed, proxy)
    from awsauth.kube.official_client import of_kubeconfig

    return of_kubeconfig(destination, user, renewed, proxy)
