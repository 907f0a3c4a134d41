"""A whole manifest as the wanted state."""

from __future__ import annotations

import re
from typing import Final

from awsauth.core.access.matching import can_match
from awsauth.core.access.node_mappings import is_node_mapping
from awsauth.core.document.document import Document, mappings_of
from awsauth.core.document.model import KEYS
from awsauth.core.edit.changes import Change, EnsureRole, ReplaceText
from awsauth.core.findings import Finding, note, warning
from awsauth.core.text.display import quoted, visible
from awsauth.errors import InvalidValueError

_MANIFEST: Final = re.compile(r"""(?:^(?:ï»¿|ÿþ|þÿ)?|[{,])[ \t]*["']?kind["']?\s*:\s*["']?ConfigMap\b""", re.MULTILINE)


def document_in(raw: str | bytes) -> Document | None:
    """Return the data of a ConfigMap in a file; None if it holds something else.

    Raises:
        ManifestError: it cannot be read.
    """
    from awsauth.core.manifest.manifest import Manifest
    from awsauth.core.manifest.source import decode_manifest

    # Byte by byte and without the zeros, UTF-16 looks as UTF-8 does, but for the byte order mark.
    shown = raw.replace(b"\0", b"").decode("latin-1") if isinstance(raw, bytes) else raw
    if not _MANIFEST.search(shown):
        return None
    return Manifest.parse(decode_manifest(raw)[0] if isinstance(raw, bytes) else raw).document


def changes_to(
    wanted: Document, live: Document, *, keep_nodes: bool = False
) -> tuple[list[Change], tuple[Finding, ...]]:
    """Return the changes that give `live` the texts of `wanted`, and warnings.

    Args:
        wanted: The wanted data.
        live: The present data.
        keep_nodes: Whether to add the node mappings that only `live` has. What no change can add is left out with a warning.
    """
    texts = [(key, wanted.data.get(key)) for key in KEYS]
    changes: list[Change] = [ReplaceText(key=key, text=text) for key, text in texts if text != live.data.get(key)]
    kept = mappings_of(wanted, "mapRoles") or {}
    findings = []
    for identity, entries in (mappings_of(live, "mapRoles") or {}).items() if keep_nodes else ():
        mapped = entries[-1]
        if identity in kept or not is_node_mapping(mapped) or not can_match(mapped.principal):
            continue
        try:
            changes.append(EnsureRole(role_arn=mapped.principal, username=mapped.username, groups=mapped.groups))
        except InvalidValueError as error:
            message = f"The node mapping of {quoted(mapped.principal, 200)} is not kept: {error.message}"
            impact = "Nodes with this role become NotReady, and no new one can join."
            hint = "Write the mapping into the wanted manifest."
            findings.append(warning("node-not-kept", message, impact, hint, principal=mapped.principal))
    return changes, tuple(findings)


def other_keys(wanted: Document, live: Document) -> tuple[Finding, ...]:
    """Return a note for each differing data key that the authenticator ignores."""
    names = sorted({*wanted.data, *live.data} - {*KEYS})
    differing = [f"`{visible(name)}` differs" for name in names if wanted.data.get(name) != live.data.get(name)]
    messages = [f"The data key {differs}, and it stays as it is." for differs in differing]
    return tuple(note("other-data-key", message, "The authenticator does not read it.") for message in messages)
