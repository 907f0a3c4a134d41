"""An access entry for the time of a repair, which leaves no trace."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from awsauth.aws.errors import INVALID, MISSING, TAKEN
from awsauth.core.entries.model import TEMPORARY, TEMPORARY_POLICY, AccessEntry
from awsauth.core.text.display import command_line, quoted
from awsauth.errors import OutcomeUnknownError, RecoveryError
from awsauth.recovery.plan import Leftover

if TYPE_CHECKING:
    from awsauth.aws.access_entries import AccessEntries


class TemporaryAccess:
    """The cluster-admin policy for one principal, for a while.

    An entry or a policy of an interrupted run has a tag, and counts as this run's own.

    Args:
        entries: The cluster's access entries.
        principal_arn: The principal, with its path; if it has an entry, as the entry names it.
        entry: Its entry, or None.
    """

    def __init__(self, entries: AccessEntries, principal_arn: str, entry: AccessEntry | None) -> None:
        self._entries = entries
        self._policy = entries.cluster_admin
        self.principal_arn = principal_arn
        self.entry = entry

    @property
    def is_ours(self) -> bool:
        """Whether the entry, or its cluster-admin policy, has to be removed again."""
        return self.entry is not None and (self.entry.is_temporary or self.entry.has_temporary_policy)

    @property
    def own_entry_stays(self) -> bool:
        """Whether the principal has an entry that is not ours; it wins over ``aws-auth``."""
        return self.entry is not None and not self.entry.is_temporary

    @property
    def has_policy(self) -> bool:
        """Whether the entry makes its principal an administrator."""
        return self.entry is not None and self.entry.is_administrator

    def check(self) -> None:
        """Refuse an entry that can only be used by a change that stays.

        Raises:
            RecoveryError: it is such an entry.
        """
        entry = self.entry
        if not entry or self.has_policy or self.is_ours:
            return
        if entry.lets_nodes_in:
            arn = quoted(self.principal_arn, 200)
            message = f"{arn} has an access entry for nodes (type {entry.type}), which can have no policy."
            raise RecoveryError(message, hint="Run it as a role that nodes do not have.")
        if any(policy.policy_arn == self._policy.policy_arn for policy in entry.policies):
            policy = ("--policy-arn", self._policy.policy_arn, "--access-scope", "type=cluster")
            command = self._command("associate-access-policy", *policy)
            raise RecoveryError(
                f"The access entry of {quoted(self.principal_arn, 200)} has the cluster-admin policy for some namespaces "
                "only. The policy for the whole cluster would overwrite it.",
                hint=f"Give it the policy yourself, and run it again: `{command}`.",
            )

    def grant(self, done: list[str]) -> None:
        """Give the principal the policy, and append each step to `done`.

        Raises:
            RecoveryError: as for `check`, if another client has made an entry since.
            AwsAuthError: EKS refuses.
        """
        if not self.entry:
            wanted = _temporary(self.principal_arn)
            try:
                is_made = self._entries.create(wanted)
            except (OutcomeUnknownError, KeyboardInterrupt):
                self.entry = wanted  # it may have been made
                raise
            if is_made:
                self.entry = wanted
                done.append(f"Made a temporary access entry for {self.principal_arn}")
            else:
                # Another client, or an interrupted run, made it so lately that EKS did not list it.
                self.entry = self._entries.until_shown(self.principal_arn, lambda: True, bool)
        self.check()
        if self.has_policy:
            return
        if self.entry and not self.is_ours:
            tag = {TEMPORARY_POLICY: _now()}
            self.entry = replace(self.entry, tags={**self.entry.tags, **tag})
            self._entries.tag(self.entry, **tag)
        self._entries.until_shown(
            self.principal_arn,
            lambda: self._entries.associate(self.principal_arn, self._policy),
            lambda found: found is not None and found.is_administrator,
        )
        done.append(f"Gave the access entry of {self.principal_arn} the cluster-admin policy")

    def remove_access(self, done: list[str]) -> None:
        """Remove the temporary access, and append each step to `done`.

        A second call does nothing.
        """
        entry = self.entry
        if not entry or not self.is_ours:
            return
        if entry.is_temporary:
            self._entries.delete(self.principal_arn)
            self.entry = None
            done.append(f"Deleted the temporary access entry of {self.principal_arn}")
        else:
            self._entries.disassociate(self.principal_arn, self._policy)
            self._entries.untag(entry, TEMPORARY_POLICY)
            self.entry = self._entries.find(self.principal_arn)
            done.append(f"Removed the cluster-admin policy from the access entry of {self.principal_arn} again")

    def leftovers(self) -> list[Leftover]:
        """Return the things that are not removed yet, with the commands that remove them."""
        if not self.entry or not self.is_ours:
            return []
        if self.entry.is_temporary:
            text = f"The temporary access entry of {self.principal_arn}, an administrator of the cluster"
            return [Leftover(text, self._command("delete-access-entry"))]
        text = f"The cluster-admin policy of the access entry of {self.principal_arn}"
        tag = (
            "--region",
            self._entries.cluster.region,
            "--resource-arn",
            self.entry.entry_arn,
            "--tag-keys",
            TEMPORARY_POLICY,
        )
        return [
            Leftover(text, self._command("disassociate-access-policy", "--policy-arn", self._policy.policy_arn)),
            Leftover("The tag that marks the policy as temporary", command_line("aws", "eks", "untag-resource", *tag)),
        ]

    def _command(self, action: str, *more: str) -> str:
        return self._entries.command(action, self.principal_arn, *more)


def try_right_to_make(entries: AccessEntries, principal_arn: str) -> None:
    """Check the IAM permissions to make an entry.

    The cluster's authentication mode still refuses entries.

    Raises:
        AwsPermissionError: IAM does not allow it.
    """
    refusals = INVALID | TAKEN | MISSING
    entries.create(_temporary(principal_arn), refusals)
    entries.associate(principal_arn, entries.cluster_admin, refusals)


def _temporary(principal_arn: str) -> AccessEntry:
    return AccessEntry(principal_arn, "STANDARD", tags={TEMPORARY: _now()})


def _now() -> str:
    return f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
