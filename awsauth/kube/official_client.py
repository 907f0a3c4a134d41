"""An API server behind the official kubernetes client.

The client is the caller's own, a pod's, or that of an unusual kubeconfig. Importing any part of that client imports all
of it, which takes longer than a whole change. `awsauth.kube.server` therefore serves almost all kubeconfigs without it.
Only parts that work alike in all releases are used: the client loads configurations, its `auth_settings` give (and
renew) the credentials, and its connection pool sends.
"""

from __future__ import annotations

import binascii
import os
import re
from typing import TYPE_CHECKING, Any, Final, TypeVar

from awsauth.core.text.display import visible
from awsauth.errors import AwsAuthError, KubeconfigError
from awsauth.kube.address import proxy_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import urllib3
    from kubernetes.client import ApiClient, Configuration

    from awsauth.kube.kubeconfig import ResolvedContext
    from awsauth.kube.server import BearerTokens

_T = TypeVar("_T")

# The messages of the client that show no part of a configuration.
_PROBLEM: Final = re.compile(
    r"(?:Invalid kube-config file\. )?Expected key [\w-]+|File does not exist: .*|Service [\w /]+|\w+ file exists but empty"
)
_LONGEST_PROBLEM: Final = 2_000
_AS_KUBECTL: Final = "Check whether kubectl works with the same kubeconfig."
_FOR_SOCKS: Final = "For a SOCKS proxy, run: pip install 'urllib3[socks]'."


class OfficialClientServer:
    """An API server behind the kubernetes client; it works like `KubeServer`.

    Args:
        api: The client.
        tokens: The source of the caller's tokens; by default the client's own credentials count.
    """

    def __init__(self, api: ApiClient, tokens: BearerTokens | None = None) -> None:
        self.address: Final = str(api.configuration.host)
        self.verifies: Final = bool(api.configuration.verify_ssl)
        self.headers: Final[Mapping[str, str]] = api.default_headers
        self.pool: Final[urllib3.PoolManager] = api.rest_client.pool_manager
        self._api = api
        self._tokens = tokens

    def credentials(self, *, renew: bool = False) -> Mapping[str, str]:
        """Return the headers with the credentials (see `KubeServer.credentials`)."""
        if self._tokens:
            return {"authorization": f"Bearer {self._tokens.token(renew=renew).value}"}
        # Renewal may run code of the caller, or of an auth-provider in the kubeconfig.
        settings = _prepared(self._api.configuration.auth_settings).values()
        return {setting["key"]: setting["value"] for setting in settings if setting["in"] == "header"}

    def close(self) -> None:
        """Close the client's connections."""
        self.pool.clear()


def of_kubeconfig(
    destination: ResolvedContext, user: Mapping[str, Any], tokens: BearerTokens | None, proxy: str | None
) -> OfficialClientServer:
    """Return the server of a kubeconfig context.

    Args:
        destination: The context.
        user: The user; credentials from an exec plugin or a token file are already in it.
        tokens: The source of the user's tokens, if they are renewed.
        proxy: The proxy, or None.

    Raises:
        KubeconfigError: the client cannot use the context.
    """
    from kubernetes.config import load_kube_config, load_kube_config_from_dict

    def load(configuration: Configuration) -> None:
        if "auth-provider" in user:
            # From the files, because the client writes a renewed refresh token back.
            load_kube_config(os.pathsep.join(destination.files), destination.context, configuration)
        else:
            load_kube_config_from_dict(destination.to_dict(user), client_configuration=configuration)

    return _server(load, tokens, lambda _: proxy)


def in_pod() -> OfficialClientServer:
    """Return the server of this pod's cluster, with the pod's service account.

    Raises:
        KubeconfigError: this process does not run in a pod, or the pod has no service account.
    """
    from kubernetes.config import load_incluster_config

    return _server(lambda empty: load_incluster_config(client_configuration=empty), None, proxy_for)


def _server(
    load: Callable[[Configuration], None], tokens: BearerTokens | None, find_proxy: Callable[[str], str | None]
) -> OfficialClientServer:
    from kubernetes.client import ApiClient, Configuration

    configuration = Configuration()
    _prepared(lambda: load(configuration))
    # NO_PROXY has been applied: the releases of the client each read it in their own way.
    proxy = find_proxy(configuration.host)
    configuration.proxy, configuration.no_proxy = proxy, None
    missing = _FOR_SOCKS if (proxy or "").lower().startswith("socks") else _AS_KUBECTL
    return OfficialClientServer(_prepared(lambda: ApiClient(configuration), missing), tokens)


def _prepared(call: Callable[[], _T], missing: str = _AS_KUBECTL) -> _T:
    """Return the result of a call into the client.

    The call may fail on any part of a kubeconfig.

    Args:
        call: The call.
        missing: The hint if the client finds a package missing.
    """
    try:
        return call()
    except AwsAuthError:
        raise
    except Exception as error:  # noqa: BLE001 - raised without its cause: a traceback may show a credential
        problem, hint = _problem(error), missing if isinstance(error, ImportError) else _AS_KUBECTL
    message = f"The configuration or credentials of the kubernetes client cannot be used: {problem}."
    raise KubeconfigError(message, hint=hint)


def _problem(error: Exception) -> str:
    """Return the text of an error if it is known to show no secret, or else its type."""
    from kubernetes.config import ConfigException

    text = ""
    if isinstance(error, ConfigException):
        # The text may continue with the user's whole entry.
        text = found[0] if (found := _PROBLEM.match(str(error))) else ""
    elif isinstance(error, (OSError, ImportError, binascii.Error)):
        text = str(error)
    return visible(text[:_LONGEST_PROBLEM]) or type(error).__name__
