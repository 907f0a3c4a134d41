"""The parts of a botocore error that can be shown without a secret.

Such an error may quote a session token, the password of a proxy, or the output of a program. Only texts that are known
to be harmless are shown.
"""

from __future__ import annotations

import re
from typing import Final

from awsauth.core.text.display import visible

_LONGEST: Final = 500  # characters of a foreign message that are shown

_ADDRESS: Final = re.compile(
    r"(?P<scheme>https?://)(?:[^/?#@]*@)?(?P<host>(?:[\w.-]+|\[[\da-f:.]+\])(?::\d+)?)(?:[/?][^@]*)?", re.ASCII
)
# How ValueErrors of botocore and its libraries begin; a value may follow.
_VALUE_ERRORS: Final = (
    "No closing quotation", "No escaped character", "Auth token value is not a legal header value", "Invalid IPv6 URL",
    "Invalid endpoint", "Unsupported host",
)  # fmt: skip


def safe_text(error: Exception) -> str:
    """Return an error's text on one line, without the values that it may quote."""
    from botocore.exceptions import BotoCoreError, ClientError, CredentialRetrievalError

    if isinstance(error, ClientError):
        text = str(dict(error.response.get("Error", {})).get("Message") or "")
    elif isinstance(error, CredentialRetrievalError):
        source = error.kwargs.get("provider")
        text = str(error) if source else "Error when retrieving credentials"
        if source == "custom-process":  # botocore quotes the output of the program
            text = "Error when retrieving credentials from credential_process: the program failed or printed no credentials"
    elif isinstance(error, BotoCoreError):
        text = str(error)
    elif isinstance(error, OSError) and error.strerror:
        text = f"{error.strerror} ({error.filename})" if error.filename else error.strerror
    elif type(error) is ValueError:
        text = next((known for known in _VALUE_ERRORS if str(error).startswith(known)), "a value there cannot be used")
    else:
        text = type(error).__name__
    line = visible(" ".join(text.split()))
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def address(url: object) -> str:
    """Return scheme, host and port of a URL without its user and password.

    It is empty if these cannot be told apart.
    """
    found = _ADDRESS.fullmatch(str(url or ""))
    return f"{found['scheme']}{found['host']}" if found else ""
