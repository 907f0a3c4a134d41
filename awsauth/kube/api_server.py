"""What requests need of an API server: where it is, over which connections it is reached, and as whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    import urllib3


class ApiServer(Protocol):
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
