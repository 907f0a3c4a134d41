"""What is told of an error of botocore's whose text may quote what was sent or configured.

Such a text holds a session token that ends in a line break, the password of a proxy, or what a program printed. So none
of it is shown but what is known to be harmless: the kind of error, an address without user and password.
"""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING, Final, NamedTuple

from awsauth.core.text.display import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

_ADDRESS: Final = re.compile(
    r"(?P<scheme>https?://)(?:[^/?#@]*@)?(?P<host>(?:[\w.-]+|\[[\da-f:.]+\])(?::\d+)?)(?:[/?][^@]*)?", re.ASCII
)
_ROUTE: Final = (
    "Check the region's name, the network, the proxy (HTTPS_PROXY), and in a private subnet the VPC endpoint of the "
    "service."
)
_BREAK: Final = (
    "Look for a line break or another character that is not to be seen at the end of a value: AWS_ACCESS_KEY_ID, "
    "AWS_SESSION_TOKEN, AWS_REGION, or what else gives the credentials and the region."
)
_WRITTEN: Final = (
    "Check how they are written: HTTPS_PROXY, and AWS_ENDPOINT_URL or endpoint_url. In a user or password the characters "
    "/ ? # @ : and a backslash have to be encoded (%23 for #)."
)
_TRUST: Final = (
    "Check the proxy (HTTPS_PROXY), and the authorities to trust: AWS_CA_BUNDLE, or ca_bundle in the AWS configuration."
)
_VALUE_ERRORS: Final = (
    "No closing quotation", "No escaped character", "Auth token value is not a legal header value", "Invalid IPv6 URL",
    "Invalid endpoint", "Unsupported host",
)  # fmt: skip
"""How botocore, and what it calls, begin a ValueError of their own words; what follows may be a value."""


class ConnectionFailure(NamedTuple):
    """Why AWS was not reached.

    Attributes:
        message: What happened, without a full stop.
        hint: Where to look.
        may_have_arrived: Whether the request may have been on its way.
    """

    message: str
    hint: str = _ROUTE
    may_have_arrived: bool = True


def connection_failure(error: Exception) -> ConnectionFailure | None:
    """Return why AWS was not reached; None for an error that says something else."""
    from botocore import exceptions as b

    details = getattr(error, "kwargs", {})
    location = address(details.get("endpoint_url")) or "AWS"
    if isinstance(error, b.SSLError):
        problem = _tls_problem(error)
        return ConnectionFailure(
            f"the encrypted connection to {location} failed{problem}", _TRUST, may_have_arrived=not problem
        )
    if isinstance(error, b.ProxyConnectionError):
        proxy = address(details.get("proxy_url"))
        return ConnectionFailure(f"no connection to the proxy{proxy and f' {proxy}'} comes about", "Check HTTPS_PROXY.")
    for kind, message in (
        (b.EndpointConnectionError, f"no connection to {location} comes about"),
        (b.ConnectTimeoutError, f"no connection to {location} came about in time"),
        (b.ReadTimeoutError, f"no answer of {location} came in time"),
        (b.ConnectionClosedError, f"the connection to {location} was cut before an answer came"),
    ):
        if isinstance(error, kind):
            return ConnectionFailure(message)
    if isinstance(error, (b.HTTPClientError, b.ConnectionError, b.InvalidProxiesConfigError)):
        return _unsent(details.get("error"))
    return None


def _unsent(behind: object) -> ConnectionFailure:
    """Return what to say of an error that botocore does not know itself, which mostly means that nothing was sent."""
    from urllib3.exceptions import LocationValueError, ProxySchemeUnknown

    if isinstance(behind, (LocationValueError, ProxySchemeUnknown)):
        return ConnectionFailure(
            "the address of the proxy, or of AWS itself, is none", _WRITTEN, may_have_arrived=False
        )
    if isinstance(behind, UnicodeError) or (
        isinstance(behind, ValueError) and str(behind).startswith("Invalid header")
    ):
        return ConnectionFailure(
            "the credentials or the region cannot be sent as they are", _BREAK, may_have_arrived=False
        )
    kind = f" ({type(behind).__name__})" if isinstance(behind, Exception) else ""
    return ConnectionFailure(f"the request failed{kind}")


def credential_failure(error: Exception) -> str:
    """Return what is told of credentials that are not to be had from one source."""
    source = str(getattr(error, "kwargs", {}).get("provider") or "")
    if source == "custom-process":
        # botocore quotes what the program printed.
        return (
            "Error when retrieving credentials from credential_process: the program failed, or gave something else than "
            "credentials. What it said may hold a secret, and is not shown"
        )
    return str(error) if source else "Error when retrieving credentials"


def safe_message(error: ValueError) -> str:
    """Return what a ValueError says of itself, without the value that it may quote."""
    if type(error) is not ValueError:
        return type(error).__name__
    return next((words for words in _VALUE_ERRORS if str(error).startswith(words)), "a value there cannot be used")


def address(url: object) -> str:
    """Return scheme, host and port of an address, without user and password; empty where these cannot be told apart."""
    found = _ADDRESS.fullmatch(str(url or ""))
    return f"{found['scheme']}{found['host']}" if found else ""


def _tls_problem(error: BaseException) -> str:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f": its certificate is not to be trusted: {visible(cause.verify_message).rstrip('.')}"
    return ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what is behind it, as botocore and urllib3 keep it."""
    behind: object = error
    while isinstance(behind, BaseException):
        yield behind
        kept = getattr(behind, "kwargs", {}).get("error") or getattr(behind, "reason", None)
        behind = kept if isinstance(kept, BaseException) else next(iter(behind.args), None)
