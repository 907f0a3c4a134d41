"""An API server as the kubernetes client knows it: one that a caller has configured, a pod's, or an unusual kubeconfig's.

Importing any part of that client runs all of it, which takes longer than everything else that a change takes: what
almost all kubeconfigs hold, `awsauth.kube.server` does without it. What is used of it is what works alike in all its
releases: it loads configurations, its `auth_settings` give (and renew) the credentials, and its connection pool sends.
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

    from awsauth.kube.credentials import CurrentToken
    from awsauth.kube.kubeconfig import ResolvedContext

_T = TypeVar("_T")

_PROBLEM: Final = re.compile(
    r"(?:Invalid kube-config file\. )?Expected key [\w-]+|File does not exist: .*|Service [\w /]+|\w+ file exists but empty"
)
"""What the client says of a configuration without showing anything of it."""
_LONGEST_PROBLEM: Final = 2_000
_AS_KUBECTL: Final = "See whether kubectl works with the same kubeconfig."
_FOR_SOCKS: Final = "For a SOCKS proxy: pip install 'urllib3[socks]'."


class OfficialClientServer:
    """An `ApiServer` by way of the kubernetes client.

    Args:
        api: The client.
    """

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    @property
    def address(self) -> str:
        """Its address."""
        return str(self._api.configuration.host)

    @property
    def verifies(self) -> bool:
        """Whether its certificate is looked at."""
        return bool(self._api.configuration.verify_ssl)

    @property
    def headers(self) -> Mapping[str, str]:
        """What the client sends with every request."""
        headers: Mapping[str, str] = self._api.default_headers
        return headers

    @property
    def pool(self) -> urllib3.PoolManager:
        """The client's connections."""
        pool: urllib3.PoolManager = self._api.rest_client.pool_manager
        return pool

    def credentials(self) -> Mapping[str, str]:
        """Return the headers that say who is asking.

        Raises:
            KubeconfigError: the credentials cannot be had.
            AwsAuthError: what renews them raises it.
        """
        # Renewing credentials runs whatever the caller, or the kubeconfig, has put there.
        settings = _prepared(self._api.configuration.auth_settings).values()
        return {setting["key"]: setting["value"] for setting in settings if setting["in"] == "header"}

    def close(self) -> None:
        """Close the client's connections."""
        self.pool.clear()

    def expire(self) -> None:
        """Have a token renewed that was refused, where the configuration has one that can be."""
        expire = getattr(self._api.configuration.refresh_api_key_hook, "expire", None)
        if callable(expire):
            expire()


def of_kubeconfig(
    destination: ResolvedContext, user: Mapping[str, Any], token: CurrentToken | None, proxy: str | None
) -> OfficialClientServer:
    """Return the server that a context of a kubeconfig leads to.

    Args:
        destination: What the context leads to.
        user: The user, with its credentials in place of the program or the file that they come from.
        token: What gives the user's token, where it is renewed.
        proxy: The proxy, if any.

    Raises:
        KubeconfigError: the client cannot use it.
    """
    from kubernetes.config import load_kube_config, load_kube_config_from_dict

    def load(configuration: Configuration) -> None:
        if "auth-provider" in user:
            # A renewed refresh token has to be written back into the file.
            load_kube_config(os.pathsep.join(destination.files), destination.context, configuration)
        else:
            load_kube_config_from_dict(destination.to_dict(user), client_configuration=configuration)

    configuration = _configured(load)
    if token:
        renew(configuration, token)
    return _made(configuration, proxy)


def in_pod() -> OfficialClientServer:
    """Return the server of the cluster that this pod is of, as its service account.

    Raises:
        KubeconfigError: this is no pod, or it has no service account.
    """
    from kubernetes.config import load_incluster_config

    configuration = _configured(lambda empty: load_incluster_config(client_configuration=empty))
    return _made(configuration, proxy_for(configuration.host))


class _RenewalHook:
    """What the kubernetes client calls before every request, to have a token renewed."""

    def __init__(self, token: CurrentToken) -> None:
        self._token = token
        self.expire = token.expire

    def __call__(self, configuration: Configuration) -> None:
        value = self._token.value()
        # The releases of the client differ in the name under which they look for it.
        for name in list(configuration.api_key):
            configuration.api_key[name] = f"Bearer {value}"


def renew(configuration: Configuration, token: CurrentToken) -> None:
    """Have a configuration that was loaded with any token use and renew this one."""
    keys: dict[str, Any] = configuration.api_key
    hook = _RenewalHook(token)
    setattr(configuration, "refresh_api_key_hook", hook)  # noqa: B010 - annotated as never set
    keys.setdefault("authorization", "")
    hook(configuration)


def _configured(load: Callable[[Configuration], None]) -> Configuration:
    from kubernetes.client import Configuration

    configuration = Configuration()
    _prepared(lambda: load(configuration))
    return configuration


def _made(configuration: Configuration, proxy: str | None) -> OfficialClientServer:
    from kubernetes.client import ApiClient

    # What NO_PROXY says is settled by then: the releases of the client read it each in its own way.
    configuration.proxy, configuration.no_proxy = proxy, None
    missing = _FOR_SOCKS if (proxy or "").lower().startswith("socks") else _AS_KUBECTL
    return OfficialClientServer(_prepared(lambda: ApiClient(configuration), missing))


def _prepared(call: Callable[[], _T], missing: str = _AS_KUBECTL) -> _T:
    """Return what a call into the client returns, which may trip over what a kubeconfig holds anywhere.

    Args:
        call: The call.
        missing: What to do where it finds a package missing.
    """
    try:
        return call()
    except AwsAuthError:
        raise
    except Exception as error:  # noqa: BLE001 - told without what caused it: a traceback may show a credential
        told, hint = _told(error), missing if isinstance(error, ImportError) else _AS_KUBECTL
    raise KubeconfigError(
        f"The configuration of the kubernetes client, or its credentials, cannot be used: {told}. Nothing was sent.",
        hint=hint,
    )


def _told(error: Exception) -> str:
    """Return what an error says as far as that is no secret."""
    from kubernetes.config import ConfigException

    text = ""
    if isinstance(error, ConfigException):
        # It may go on with the whole entry of the user.
        found = _PROBLEM.match(str(error))
        text = found[0] if found else ""
    elif isinstance(error, (OSError, ImportError, binascii.Error)):
        text = str(error)
    # Of other exceptions, who knows what their text tells: an answer's headers, or a secret.
    return visible(text[:_LONGEST_PROBLEM]) or type(error).__name__
