"""The digest of values, the same for equal ones wherever it is made."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def sha256_of(values: Any) -> str:
    """Return the SHA-256, in hex, of values that JSON can hold, whatever the order of their keys."""
    # Escaped, so that half a surrogate pair, which no UTF-8 can hold, has a digest like any other text.
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()
