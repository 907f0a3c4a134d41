"""Bearer tokens that are renewed."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from awsauth.core.text.display import visible
from awsauth.errors import KubeconfigError
from awsauth.read_limits import read_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    import urllib3


class ServerEndpoint(Protocol):
    """An API server and who is asking. Safe to use from several threads."""

    @property
    def address(self) -> str:
        """Its address, as it was given."""

    @property
    def verifies(self) -> bool:
        """Whether its certificate is looked at."""

    @property
    def headers(self) -> Mapping[str, str]:
        """What is sent with every request, whoever asks."""

    @property
    def pool(self) -> urllib3.PoolManager:
        """The connections.

        Raises:
            KubeconfigError: they cannot be made.
        """

    def credentials(self) -> Mapping[str, str]:
        """Return the headers that say who is asking.

        Raises:
            AwsAuthError: the credentials cannot be had.
        """

    def close(self) -> None:
        """Close the connections."""

    def expire(self) -> None:
        """Say that the credentials were refused: the next ones are new, where there are others to be had."""


class BearerToken(Protocol):
    """A token."""

    @property
    def value(self) -> str:
        """The token itself."""


class BearerTokens(Protocol):
    """Where tokens come from; safe to use from several threads."""

    def token(self) -> BearerToken:
        """Return a token that is good for a while: one made before, or a new one."""

    def new_token(self) -> BearerToken:
        """Return a new token."""


class TokenFile:
    """The token in a file, which somebody else renews (``tokenFile`` in a kubeconfig).

    Args:
        path: The file.
        otherwise: The token to use while there is none in the file; empty for an error then.
    """

    def __init__(self, path: str, otherwise: str = "") -> None:
        self._path = Path(path)
        self._otherwise = otherwise

    @property
    def value(self) -> str:
        """The token that is in the file.

        Raises:
            KubeconfigError: there is none.
        """
        try:
            text = read_file(self._path).decode().strip()
        except (OSError, ValueError) as error:
            if self._otherwise:
                return self._otherwise
            raise self._unreadable("it cannot be read") from error
        if not text and not self._otherwise:
            raise self._unreadable("it is empty")
        return text or self._otherwise

    def token(self) -> TokenFile:
        """Return the token that is in the file."""
        return self

    def new_token(self) -> TokenFile:
        """Return the token that is in the file."""
        return self

    def _unreadable(self, problem: str) -> KubeconfigError:
        return KubeconfigError(
            f"There is no token in the file that the kubeconfig names: {problem}. Nothing was sent.",
            location=visible(str(self._path)),
            hint="See that the file is there, and that whoever renews it is at work.",
        )


class CurrentToken:
    """The token to use for the next request.

    Args:
        tokens: Where tokens come from.
    """

    def __init__(self, tokens: BearerTokens) -> None:
        self._tokens = tokens
        self._lock = threading.Lock()
        self._is_refused = False

    def value(self) -> str:
        """Return a token that is good.

        Raises:
            AwsAuthError: none can be had.
        """
        with self._lock:
            token = self._tokens.new_token() if self._is_refused else self._tokens.token()
            self._is_refused = False
        return token.value

    def expire(self) -> None:
        """Say that the token was refused: the next one is a new one."""
        with self._lock:
            self._is_refused = True
