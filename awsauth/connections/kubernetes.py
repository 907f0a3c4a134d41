"""From what names a cluster to a connection with its API server."""

from __future__ import annotations

import os
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from awsauth.core.text.display import quoted_value, visible
from awsauth.debug_log import log_debug
from awsauth.errors import KubeconfigError, UsageError
from awsauth.kube import credentials, kubeconfig
from awsauth.kube.address import proxy_for
from awsauth.kube.credentials import TokenFile
from awsauth.kube.request import without_userinfo
from awsauth.kube.transport import Transport, check_timeout
from awsauth.options import ConnectionOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubernetes.client import ApiClient

    from awsauth.aws.token import TokenSource
    from awsauth.kube.credentials import BearerTokens, ServerEndpoint
    from awsauth.kube.kubeconfig import ResolvedContext


DEFAULT: Final = ConnectionOptions()

_WINS: Final = frozenset(("token", "tokenFile", "client-certificate", "client-certificate-data", "username"))
"""What of a user wins over a program: ``k8s.io/client-go`` ``plugin/pkg/client/auth/exec`` (``UpdateTransportConfig``)."""


def tokens_of(destination: ResolvedContext, seconds: float) -> BearerTokens | None:
    """Return where the user's tokens come from, for those that are renewed; a program for them may run so long."""
    user = destination.user
    if isinstance(user.get("tokenFile"), str):
        return TokenFile(user["tokenFile"], user["token"] if isinstance(user.get("token"), str) else "")
    stanza = _exec(destination)
    if stanza is None:
        return None
    from awsauth.kube.exec_credential import ExecPlugin

    return ExecPlugin(stanza, destination.folder, destination.cluster, seconds)


def _exec(destination: ResolvedContext) -> Mapping[str, Any] | None:
    """Return what says which program gives the user's credentials; None where nothing does, or something else wins."""
    stanza = destination.user.get("exec")
    return stanza if isinstance(stanza, dict) and _WINS.isdisjoint(destination.user) else None


def signed_here(destination: ResolvedContext) -> TokenSource | None:
    """Return the tokens that the AWS CLI, or the authenticator, would be started for; None for any other program."""
    stanza = _exec(destination)
    if stanza is None:
        return None
    from awsauth.aws.eks_exec import recognised

    identity = recognised(stanza, os.environ)
    if identity is None:
        return None
    from awsauth.aws.session import AwsSession
    from awsauth.aws.token import TokenSource

    session = AwsSession(profile=identity.profile, region=identity.region)
    return TokenSource(
        session,
        identity.cluster_id,
        region=session.region,
        role_arn=identity.role_arn,
        session_name=identity.session_name,
    )


def without_exec(destination: ResolvedContext, tokens: BearerTokens | None) -> Mapping[str, Any]:
    """Return the user with the credentials themselves in place of the program or the file that they come from.

    When the program fails, the kubernetes client's own loader goes on without credentials, and the server refuses that.
    """
    if tokens is None:
        # The kubernetes client's loader would run a program over which something else wins.
        loses = not _WINS.isdisjoint(destination.user)
        return {key: value for key, value in destination.user.items() if key != "exec" or not loses}
    user = {key: value for key, value in destination.user.items() if key not in {"exec", "tokenFile", "token"}}
    token = tokens.token()
    if token.value:
        user["token"] = token.value
    for name in ("certificate", "key"):  # which a program may hand out, too
        if pem := getattr(token, name, ""):
            user[f"client-{name}-data"] = b64encode(pem.encode()).decode()
    return user


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection with an API server.

    Attributes:
        transport: Sends requests.
        description: Which cluster it is, for people: ``context kind-dev at https://127.0.0.1:6443``.
        is_own: Whether it was made here, and so is closed here.
        tokens: Where the tokens come from, if they are signed here with AWS credentials.
    """

    transport: Transport
    description: str
    is_own: bool = True
    tokens: TokenSource | None = None

    @property
    def name(self) -> str:
        """The description without the address, which holds no blank."""
        return self.description.rpartition(" at ")[0]

    def close(self) -> None:
        """Close the connections, unless they belong to the caller's own client."""
        if self.is_own:
            self.transport.close()


def from_default_kubeconfig(options: ConnectionOptions = DEFAULT) -> Connection:
    """Connect as kubectl would: with the kubeconfig's current context, or else, in a pod, with its service account.

    Raises:
        KubeconfigError: there is neither, or it cannot be used.
        UsageError: as for `Transport`.
        AwsAuthError: whatever making a token raises, where tokens are signed here.
    """
    files = kubeconfig.default_paths()
    config = kubeconfig.read_kubeconfig(files)
    if config.contexts:
        return _connected(config.destination(), options)
    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        return in_cluster(options)
    raise KubeconfigError(
        "There is no kubeconfig with a context, and this is no pod of a cluster. Nothing was sent.",
        location=visible(os.pathsep.join(map(str, files))),
        hint="Name a context, a kubeconfig or an EKS cluster; or set KUBECONFIG.",
    )


def from_kubeconfig(
    context: str | None = None, path: str | os.PathLike[str] | None = None, options: ConnectionOptions = DEFAULT
) -> Connection:
    """Connect with a context of a kubeconfig.

    Args:
        context: The context's name; None for the current one.
        path: The kubeconfig's file; None for the ones that kubectl would take.
        options: How requests are sent; without a user or groups in it, the kubeconfig's own count.

    Raises:
        KubeconfigError: there is no such file or context, or no credentials come of it.
        UsageError: `context` or `path` is empty; or as for `Transport`.
        AwsAuthError: whatever making a token raises, where tokens are signed here.
    """
    named: dict[str, Any] = {"context": context, "path": path}
    for name, value in named.items():
        if value is not None and not isinstance(value, (str, os.PathLike) if name == "path" else str):
            raise UsageError(f"{name} is {quoted_value(value, 60)}; nothing was contacted.", hint="Pass a text.")
        if value is not None and not str(value).strip():
            raise UsageError(f"{name} is empty; nothing was contacted.", hint="Is the variable that it comes from set?")
    files = (Path(path),) if path is not None else kubeconfig.default_paths()
    config = kubeconfig.read_kubeconfig(files)
    if not config.files:
        raise KubeconfigError(
            "There is no kubeconfig there. Nothing was sent.",
            location=visible(os.pathsep.join(map(str, files))),
            hint="Name another one with kubeconfig=…, or set KUBECONFIG.",
        )
    return _connected(config.destination(context), options)


def in_cluster(options: ConnectionOptions = DEFAULT) -> Connection:
    """Connect from within a pod, with its service account; its token is read again when it is renewed.

    Raises:
        KubeconfigError: this is no pod, or it has no service account.
        UsageError: as for `Transport`.
    """
    from awsauth.kube.official_client import in_pod

    transport = _transport(in_pod(), options)
    return Connection(transport, f"this pod's cluster at {visible(transport.host)}")


def from_api_client(api: ApiClient, options: ConnectionOptions = DEFAULT) -> Connection:
    """Connect with a client of the kubernetes package that the caller has configured, and will close.

    Raises:
        UsageError: `api` is none; or as for `Transport`.
    """
    given: Any = api
    if not hasattr(given, "rest_client") or not hasattr(given, "configuration"):
        raise UsageError(
            f"{type(given).__name__} is no client of an API server; nothing was contacted.",
            hint="Give a kubernetes.client.ApiClient.",
        )
    from awsauth.kube.official_client import OfficialClientServer

    transport = _transport(OfficialClientServer(api), options)
    return Connection(transport, f"the cluster at {visible(transport.host)}", is_own=False)


def with_tokens(
    cluster: Mapping[str, Any],
    tokens: credentials.BearerTokens,
    description: str,
    options: ConnectionOptions = DEFAULT,
    *,
    hint: str = "",
) -> Connection:
    """Connect with a cluster that is described as in a kubeconfig: ``server``, ``certificate-authority-data``.

    Args:
        cluster: The description.
        tokens: Where the tokens come from; the first is made at once.
        description: Which cluster it is, for people.
        options: How requests are sent.
        hint: Why it may be that it cannot be reached.

    Raises:
        KubeconfigError: the description cannot be used.
        UsageError: as for `Transport`.
        AwsAuthError: whatever making a token raises.
    """
    user = {"token": tokens.token().value}
    server = _server(kubeconfig.ResolvedContext("", cluster, {}, "", ()), user, tokens)
    return Connection(_transport(server, options, hint), description)


def _connected(destination: kubeconfig.ResolvedContext, options: ConnectionOptions) -> Connection:
    if options.as_user is None and not options.as_groups:
        options = ConnectionOptions(options.timeout, *destination.acts_as)
    check_timeout(options.timeout)
    signed = signed_here(destination)
    tokens = signed or tokens_of(destination, options.timeout)
    server = _server(destination, without_exec(destination, tokens), tokens)
    transport = _transport(server, options)
    description = f"context {visible(destination.context)} at {visible(without_userinfo(destination.server))}"
    log_debug("Connecting to %s; %s", description, "signing tokens here" if signed else "with its own credentials")
    return Connection(transport, description, tokens=signed)


def _transport(server: ServerEndpoint, options: ConnectionOptions, hint: str = "") -> Transport:
    return Transport(server, timeout=options.timeout, as_user=options.as_user, as_groups=options.as_groups, hint=hint)


def _server(
    destination: kubeconfig.ResolvedContext, user: Mapping[str, Any], tokens: credentials.BearerTokens | None
) -> ServerEndpoint:
    """Return the server for a user; `tokens`, if any, has given the token that the user has, and renews it."""
    from awsauth.kube import server as direct_server

    cluster = destination.cluster
    proxy = cluster.get("proxy-url") or proxy_for(destination.server)
    token = credentials.CurrentToken(tokens) if tokens and "token" in user else None
    if direct_server.is_enough(cluster, user, proxy):
        return direct_server.KubeServer(cluster, user, token, proxy)
    from awsauth.kube.official_client import of_kubeconfig

    return of_kubeconfig(destination, user, token, proxy)
