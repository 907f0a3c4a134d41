"""An API server with credentials, and bearer tokens that are renewed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from awsauth.core.text.display import visible
from awsauth.errors import KubeconfigError
from awsauth.read_limits import read_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    import urllib3


class ServerEndpoint(Protocol):
    """An API server and the caller's credentials. Safe to use from several threads.

    `awsauth.kube.server` serves the common kubeconfigs, `awsauth.kube.official_client` all others.
    """

    @property
    def address(self) -> str:
        """The address, as it was given."""

    @property
    def verifies(self) -> bool:
        """Whether the server's certificate is verified."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of every request, in addition to its credentials."""

    @property
    def pool(self) -> urllib3.PoolManager:
        """The connections.

        Raises:
            KubeconfigError: a renewed certificate or key cannot be used.
        """

    def credentials(self, *, renew: bool = False) -> Mapping[str, str]:
        """Return the headers with the credentials.

        Args:
            renew: Whether the server has refused the previous credentials; they are renewed if that is possible.

        Raises:
            AwsAuthError: the credentials cannot be obtained.
        """

    def close(self) -> None:
        """Close the connections."""


class BearerToken(Protocol):
    """A token."""

    @property
    def value(self) -> str:
        """The token itself."""


class BearerTokens(Protocol):
    """A source of tokens. Safe to use from several threads."""

    def token(self) -> BearerToken:
        """Return a token that is valid for a while: a cached one or a new one."""

    def new_token(self) -> BearerToken:
        """Return a new token."""


def authorization(tokens: BearerTokens, *, renew: bool) -> Mapping[str, str]:
    """Return the header with a token, or with a new one."""
    token = tokens.new_token() if renew else tokens.token()
    return {"authorization": f"Bearer {token.value}"}


class TokenFile:
    """The token in a file that another program renews (``tokenFile`` in a kubeconfig).

    Args:
        path: The file.
        otherwise: The token to use while the file has none; empty to raise an error then.
    """

    def __init__(self, path: str, otherwise: str = "") -> None:
        self._path = Path(path)
        self._otherwise = otherwise

    @property
    def value(self) -> str:
        """The token that is in the file now.

        Raises:
            KubeconfigError: the file has no token.
        """
        cause: Exception | None = None
        try:
            text = read_file(self._path).decode().strip() or self._otherwise
        except (OSError, ValueError) as error:
            text, cause = self._otherwise, error
        if text:
            return text
        message = f"The token file of the kubeconfig {'cannot be read' if cause else 'is empty'}."
        hint = "Check that the file exists, and that the program that renews it is running."
        raise KubeconfigError(message, location=visible(str(self._path)), hint=hint) from cause

    def token(self) -> TokenFile:
        """Return the token that is in the file."""
        return self

    new_token = token
