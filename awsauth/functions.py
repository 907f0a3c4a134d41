"""The one-call functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from awsauth.core.changes import EnsureRole
from awsauth.core.diff import Diff, diff_of
from awsauth.core.document import Document
from awsauth.core.merge import merged
from awsauth.errors import UsageError
from awsauth.stores.manifest_file import ManifestFile

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from awsauth.core.changes import IfMapped
    from awsauth.core.finding import Finding


@dataclass(frozen=True, slots=True)
class Result:
    """What a call did.

    Attributes:
        changed: Whether anything is different now, or would be after a dry run.
        diff: The difference.
        findings: What the caller should know.
        extra_groups: The groups that the principal stays in though they were not asked for.
        document: The data as it is now, or would be.
    """

    changed: bool
    diff: Diff
    findings: tuple[Finding, ...]
    extra_groups: tuple[str, ...]
    document: Document


def add_role_mapping(
    role_arn: str,
    *,
    username: str,
    groups: Sequence[str] = (),
    file: str | os.PathLike[str],
    if_mapped: IfMapped = "extend",
    dry_run: bool = False,
) -> Result:
    """Map an IAM role to a username and groups, or extend what it is mapped to. A second call changes nothing.

    Args:
        role_arn: The role's ARN. Its path is stripped, as the authenticator needs; a session's ARN stands for its role.
        username: The Kubernetes username; may hold templates such as ``{{SessionName}}``.
        groups: The Kubernetes groups.
        file: The manifest file that holds the ConfigMap.
        if_mapped: What becomes of a role that is mapped already: ``extend`` adds groups and fails on another username
            or where ``system:masters`` would stay unasked for; ``replace`` makes it what is asked for; ``fail``
            fails unless it is that already.
        dry_run: Only say what would change.

    Raises:
        UsageError: the arguments make no sense.
        InvalidValueError: the ARN, the username or a group may not be written.
        MappingConflictError: the role is mapped already, to something else.
        EditError: the text cannot be edited without touching more.
        ManifestError: the file holds no ``aws-auth`` that can be read or edited.
        FileError: the file cannot be read or written, or was changed meanwhile.
    """
    if not file or not str(file).strip():
        raise UsageError("file names no file; nothing was changed.", cure="Is the variable that it comes from set?")
    change = EnsureRole(role_arn=role_arn, username=username, groups=groups, if_mapped=if_mapped)
    manifest = ManifestFile(file)
    state = manifest.read()
    merge = merged(Document(state.data), [change])
    if merge.after is not merge.before and not dry_run:
        manifest.write(merge.after.data, state)
    return Result(
        changed=merge.after is not merge.before,
        diff=diff_of(merge),
        findings=merge.findings,
        extra_groups=tuple(group for groups in merge.extra_groups.values() for group in groups),
        document=merge.after,
    )
