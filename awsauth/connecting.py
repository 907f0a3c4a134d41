"""From what names a cluster to a connection with its API server."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from awsauth.core.escaping import visible
from awsauth.errors import AwsAuthError, KubeconfigError, UsageError
from awsauth.kube import credentials, kubeconfig
from awsauth.kube.proxy import use_proxy
from awsauth.kube.request import without_userinfo
from awsauth.kube.transport import TIMEOUT, Transport
from awsauth.kubeconfig_user import signed_here, tokens_of, without_exec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kubernetes.client import ApiClient, Configuration

    from awsauth.aws.token import TokenSource


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

    def close(self) -> None:
        """Close the connections, unless they belong to the caller's own client."""
        if self.is_own:
            self.transport.close()


def usual(*, timeout: float = TIMEOUT, as_user: str | None = None, as_groups: Sequence[str] = ()) -> Connection:
    """Connect as kubectl would: with the kubeconfig's current context, or else, in a pod, with its service account.

    Raises:
        KubeconfigError: there is neither, or it cannot be used.
        UsageError: as for `Transport`.
    """
    files = kubeconfig.usual_files()
    config = kubeconfig.read(files)
    if config.contexts:
        return _connected(config.destination(), timeout, as_user, as_groups)
    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        return in_cluster(timeout=timeout, as_user=as_user, as_groups=as_groups)
    raise KubeconfigError(
        "There is no kubeconfig with a context, and this is no pod of a cluster. Nothing was sent.",
        where=visible(os.pathsep.join(map(str, files))),
        cure="Name a context, a kubeconfig or an EKS cluster; or set KUBECONFIG.",
    )


def from_kubeconfig(
    context: str | None = None,
    path: str | os.PathLike[str] | None = None,
    *,
    timeout: float = TIMEOUT,
    as_user: str | None = None,
    as_groups: Sequence[str] = (),
) -> Connection:
    """Connect with a context of a kubeconfig.

    What the kubeconfig itself says of acting as somebody else (``as``, ``as-groups``) counts, too.

    Args:
        context: The context's name; None for the current one.
        path: The kubeconfig's file; None for the ones that kubectl would take.
        timeout: Seconds to wait for an answer.
        as_user: The user to act as.
        as_groups: The groups to act as a member of.

    Raises:
        KubeconfigError: there is no such file or context, or no credentials come of it.
        UsageError: `context` or `path` is empty; or as for `Transport`.
    """
    named: dict[str, Any] = {"context": context, "path": path}
    for name, value in named.items():
        if value is not None and not str(value).strip():
            raise UsageError(f"{name} is empty; nothing was contacted.", cure="Is the variable that it comes from set?")
    files = (Path(path),) if path is not None else kubeconfig.usual_files()
    config = kubeconfig.read(files)
    if not config.files:
        raise KubeconfigError(
            "There is no kubeconfig there. Nothing was sent.",
            where=visible(os.pathsep.join(map(str, files))),
            cure="Name another one with path, or set KUBECONFIG.",
        )
    return _connected(config.destination(context), timeout, as_user, as_groups)


def in_cluster(*, timeout: float = TIMEOUT, as_user: str | None = None, as_groups: Sequence[str] = ()) -> Connection:
    """Connect from within a pod, with its service account; its token is read again when it is renewed.

    Raises:
        KubeconfigError: this is no pod, or it has no service account.
        UsageError: as for `Transport`.
    """
    configuration = _configured(_load_service_account)
    use_proxy(configuration)
    description = f"this pod's cluster at {visible(configuration.host)}"
    return _made(configuration, description, timeout, as_user, as_groups)


def from_api_client(
    api: ApiClient, *, timeout: float = TIMEOUT, as_user: str | None = None, as_groups: Sequence[str] = ()
) -> Connection:
    """Connect with a client of the kubernetes package that the caller has configured, and will close.

    Raises:
        UsageError: `api` is none; or as for `Transport`.
    """
    given: Any = api
    if not hasattr(given, "rest_client") or not hasattr(given, "configuration"):
        raise UsageError(
            f"{type(given).__name__} is no client of an API server; nothing was contacted.",
            cure="Give a kubernetes.client.ApiClient.",
        )
    transport = Transport(api, timeout=timeout, as_user=as_user, as_groups=as_groups)
    return Connection(transport, f"the cluster at {visible(transport.host)}", is_own=False)


def with_tokens(
    cluster: Mapping[str, Any],
    tokens: credentials.BearerTokens,
    description: str,
    *,
    hint: str = "",
    timeout: float = TIMEOUT,
    as_user: str | None = None,
    as_groups: Sequence[str] = (),
) -> Connection:
    """Connect with a cluster that is described as in a kubeconfig: ``server``, ``certificate-authority-data``.

    Args:
        cluster: The description.
        tokens: Where the tokens come from; the first is made at once.
        description: Which cluster it is, for people.
        hint: Why it may be that it cannot be reached.
        timeout: Seconds to wait for an answer.
        as_user: The user to act as.
        as_groups: The groups to act as a member of.

    Raises:
        KubeconfigError: the client cannot use the description.
        UsageError: as for `Transport`.
        AwsAuthError: whatever making a token raises.
    """
    destination = kubeconfig.Destination("", cluster, {}, "", ())
    user = {"token": tokens.token().value}

    def load(configuration: Configuration) -> None:
        from kubernetes.config import load_kube_config_from_dict

        load_kube_config_from_dict(destination.to_dict(user), client_configuration=configuration)

    configuration = _configured(load)
    credentials.renew(configuration, tokens)
    use_proxy(configuration)
    return _made(configuration, description, timeout, as_user, as_groups, hint=hint)


def _connected(
    destination: kubeconfig.Destination, timeout: float, as_user: str | None, as_groups: Sequence[str]
) -> Connection:
    if as_user is None and not as_groups:
        as_user, as_groups = destination.acts_as
    signed = signed_here(destination)
    tokens = signed or tokens_of(destination)
    user = without_exec(destination, tokens)

    def load(configuration: Configuration) -> None:
        from kubernetes.config import load_kube_config, load_kube_config_from_dict

        if "auth-provider" in user:
            # A renewed refresh token has to be written back into the file.
            load_kube_config(os.pathsep.join(destination.files), destination.context, configuration)
        else:
            load_kube_config_from_dict(destination.to_dict(user), client_configuration=configuration)

    configuration = _configured(load)
    if tokens and "token" in user:
        credentials.renew(configuration, tokens)
    use_proxy(configuration, destination.cluster.get("proxy-url"))
    description = f"context {visible(destination.context)} at {visible(without_userinfo(destination.server))}"
    return _made(configuration, description, timeout, as_user, as_groups, tokens=signed)


def _load_service_account(configuration: Configuration) -> None:
    from kubernetes.config import load_incluster_config

    load_incluster_config(client_configuration=configuration)


def _configured(load: Callable[[Configuration], None]) -> Configuration:
    from kubernetes.client import Configuration

    configuration = Configuration()
    try:
        load(configuration)
    except AwsAuthError:
        raise
    except Exception as error:
        from awsauth.kube.translation import unprepared

        # What a kubeconfig holds may trip the client's loader anywhere.
        raise unprepared(error) from error
    return configuration


def _made(
    configuration: Configuration,
    description: str,
    timeout: float,
    as_user: str | None,
    as_groups: Sequence[str],
    *,
    hint: str = "",
    tokens: TokenSource | None = None,
) -> Connection:
    from kubernetes.client import ApiClient

    try:
        api = ApiClient(configuration)
    except Exception as error:
        from awsauth.kube.translation import unprepared

        raise unprepared(error) from error
    transport = Transport(api, timeout=timeout, as_user=as_user, as_groups=as_groups, hint=hint)
    return Connection(transport, description, tokens=tokens)
