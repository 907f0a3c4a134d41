"""The presigned URL inside a bearer token."""

from __future__ import annotations

import base64


def url_in(token: str) -> str:
    """Return the presigned URL that a token holds."""
    encoded = token.removeprefix("k8s-aws-v1.")
    return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
