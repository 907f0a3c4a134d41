"""Bearer tokens that are renewed, for a configuration of the kubernetes client."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from awsauth.core.escaping import visible
from awsauth.errors import KubeconfigError

if TYPE_CHECKING:
    from kubernetes.client import Configuration


class BearerToken(Protocol):
    """A token."""

    @property
    def value(self) -> str:
        """The token itself."""


class BearerTokens(Protocol):
    """Where tokens come from; safe to use from several threads."""

    def token(self) -> BearerToken:
        """Return a token that is good for a while: one made before, or a new one."""

    def fresh(self) -> BearerToken:
        """Return a new token."""


class TokenFile:
    """The token in a file, which somebody else renews (``tokenFile`` in a kubeconfig).

    Args:
        path: The file.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    @property
    def value(self) -> str:
        """The token that is in the file.

        Raises:
            KubeconfigError: there is none.
        """
        try:
            text = self._path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise self._unreadable("it cannot be read") from error
        if not text:
            raise self._unreadable("it is empty")
        return text

    def token(self) -> TokenFile:
        """Return the token that is in the file."""
        return self

    def fresh(self) -> TokenFile:
        """Return the token that is in the file."""
        return self

    def _unreadable(self, problem: str) -> KubeconfigError:
        return KubeconfigError(
            f"There is no token in the file that the kubeconfig names: {problem}. Nothing was sent.",
            where=visible(str(self._path)),
            cure="See that the file is there, and that whoever renews it is at work.",
        )


class Renewal:
    """The hook by which the kubernetes client has a token renewed; it is called before every request.

    Args:
        tokens: Where the tokens come from.
    """

    def __init__(self, tokens: BearerTokens) -> None:
        self._tokens = tokens
        self._lock = threading.Lock()
        self._is_refused = False

    def __call__(self, configuration: Configuration) -> None:
        """Put a token that is good into the configuration."""
        with self._lock:
            token = self._tokens.fresh() if self._is_refused else self._tokens.token()
            self._is_refused = False
        # The releases of the client differ in the name under which they look for it.
        for name in list(configuration.api_key):
            configuration.api_key[name] = f"Bearer {token.value}"

    def expire(self) -> None:
        """Say that the token was refused: the next one is a new one."""
        with self._lock:
            self._is_refused = True


def renew(configuration: Configuration, tokens: BearerTokens) -> None:
    """Have a configuration that was loaded with any token use and renew these."""
    keys: dict[str, Any] = configuration.api_key
    renewal = Renewal(tokens)
    setattr(configuration, "refresh_api_key_hook", renewal)  # noqa: B010 - annotated as never set
    keys.setdefault("authorization", "")
    renewal(configuration)
