"""An access entry for as long as a repair takes, which leaves everything as it was before."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from awsauth.aws.access_entries import TEMPORARY_POLICY
from awsauth.core.text.display import command_line, quoted
from awsauth.errors import RecoveryError
from awsauth.recovery.report import Leftover

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from awsauth.aws.access_entries import AccessEntries, FoundEntry
    from awsauth.core.access.access_entries import AccessEntry

Ours = Literal["", "policy", "entry"]
"""What is to be taken away again: nothing, the policy of an entry that was there before, or the entry."""


class TemporaryAccess:
    """The cluster-admin policy for one principal, for a while.

    What is there from a run that was stopped is recognised by its tag, and counts as this one's own.

    Args:
        entries: The cluster's access entries.
        principal_arn: Whose it is, with the real path; of an entry that is there, as that has it.
        found: The entry that is there; None for none.
    """

    def __init__(self, entries: AccessEntries, principal_arn: str, found: FoundEntry | None) -> None:
        self._entries = entries
        self.principal_arn = principal_arn
        self._know(found)

    def _know(self, found: FoundEntry | None) -> None:
        self.found = found
        self.ours: Ours = ""
        if found is not None:
            self.ours = "entry" if found.is_temporary else "policy" if found.has_temporary_policy else ""

    @property
    def own_entry_stays(self) -> bool:
        """Whether the principal has an entry that is not ours, and so comes in by that, whatever ``aws-auth`` says."""
        return self.found is not None and not self.found.is_temporary

    @property
    def has_policy(self) -> bool:
        """Whether the entry that is there makes its principal an administrator."""
        return self.found is not None and self.found.entry.is_administrator

    def check(self) -> None:
        """Refuse where the entry that is there cannot be used without being changed for good.

        Raises:
            RecoveryError: it is such an entry.
        """
        if self.found is None or self.has_policy or self.ours:
            return
        entry = self.found.entry
        if entry.lets_nodes_in:
            raise RecoveryError(
                f"{quoted(self.principal_arn, 200)} has an access entry for nodes (type {entry.type}), which can be given "
                "no policy; nothing was changed.",
                hint="Run it as a role that nodes do not have.",
            )
        if any(policy.policy_arn == self._entries.policy_arn for policy in entry.policies):
            policy = ("--policy-arn", self._entries.policy_arn, "--access-scope", "type=cluster")
            command = self._command("associate-access-policy", *policy)
            raise RecoveryError(
                f"The access entry of {quoted(self.principal_arn, 200)} has the cluster-admin policy for some namespaces "
                "only. To have it for all would overwrite these; nothing was changed.",
                hint=f"Give it the policy by hand, and run it again: `{command}`.",
            )

    def grant(self, done: list[str]) -> None:
        """Make sure that the principal has the policy, and put into `done` what was done for it.

        Raises:
            RecoveryError: as for `check`, of an entry that has come up in the meantime.
            AwsAuthError: EKS refuses.
        """
        if self.found is None:
            # From before: whether an unanswered call made it, nobody knows.
            self.ours = "entry"
            there = self._entries.make(self.principal_arn)
            if there is None:
                done.append(f"Made a temporary access entry for {self.principal_arn}")
            else:
                # Somebody was quicker, or a run that was stopped has made it so lately that EKS did not list it.
                self._know(there)
        self.check()
        if self.has_policy:
            return
        if not self.ours and self.found is not None:
            self.ours = "policy"
            self._entries.mark(self.found)
        self._entries.give_policy(self.principal_arn)
        done.append(f"Gave the access entry of {self.principal_arn} the cluster-admin policy")

    def take_away(self, done: list[str]) -> None:
        """Take away what is ours, and put into `done` what was done for it; a second time does no harm."""
        if self.ours == "entry":
            self._entries.delete(self.principal_arn)
            self._know(None)
            done.append(f"Deleted the temporary access entry of {self.principal_arn}")
        elif self.ours == "policy" and self.found is not None:
            self._entries.take_policy(self.found)
            self._know(self._entries.find(self.principal_arn))
            done.append(f"Took the cluster-admin policy from the access entry of {self.principal_arn} again")

    def lasting(self, entries: Iterable[AccessEntry]) -> Iterator[AccessEntry]:
        """Yield the entries that stay, as they are without what is ours."""
        for entry in entries:
            if not self.ours or entry.principal_arn != self.principal_arn:
                yield entry
            elif self.ours == "policy":
                policies = (policy for policy in entry.policies if policy.policy_arn != self._entries.policy_arn)
                yield replace(entry, policies=tuple(policies))

    def leftovers(self) -> list[Leftover]:
        """Return what is left as long as it is not taken away, with what does that."""
        if self.ours == "entry":
            return [
                Leftover(
                    f"The temporary access entry of {self.principal_arn}, an administrator of the cluster",
                    self._command("delete-access-entry"),
                )
            ]
        if self.ours == "policy" and self.found is not None:
            region = self._entries.cluster.region
            tag = ("--region", region, "--resource-arn", self.found.arn, "--tag-keys", TEMPORARY_POLICY)
            return [
                Leftover(
                    f"The cluster-admin policy of the access entry of {self.principal_arn}",
                    self._command("disassociate-access-policy", "--policy-arn", self._entries.policy_arn),
                ),
                Leftover("The tag that says that it is temporary", command_line("aws", "eks", "untag-resource", *tag)),
            ]
        return []

    def _command(self, action: str, *more: str) -> str:
        cluster = self._entries.cluster
        entry = ("--region", cluster.region, "--cluster-name", cluster.name, "--principal-arn", self.principal_arn)
        return command_line("aws", "eks", action, *entry, *more)
