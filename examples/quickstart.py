"""Add a role beside the node role of a real aws-auth, see what changes, approve it, and go back.

Works on a copy of aws-auth.yaml in a temporary folder: no cluster, no AWS account, no credentials.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import awsauth

NODE = "arn:aws:iam::968802670493:role/eksctl-k8s-cluster-nodegroup-ng-1-NodeInstanceRole-1FI6JXPS9MDWK"
ROLE = "arn:aws:iam::968802670493:role/mytestrole"


def main() -> None:
    """Show each step with what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        manifest = Path(shutil.copy(Path(__file__).with_name("aws-auth.yaml"), folder))
        before = manifest.read_bytes()

        print("1. Add a role, in one call:\n")
        result = awsauth.add_role_mapping(
            ROLE, username="admin", groups=["system:masters"], file=manifest, reason="release 42"
        )
        print(result.diff)
        kept = all(line in manifest.read_bytes().splitlines() for line in before.splitlines())
        print(f"\nEvery line that was there still is: {kept}")

        again = awsauth.add_role_mapping(ROLE, username="admin", groups=["system:masters"], file=manifest)
        print(f"A second run changes something: {again.changed}")

        print("\n2. Plan something, look at it, apply it:\n")
        client = awsauth.connect(file=manifest)
        plan = client.plan([awsauth.EnsureAccount(account="012345678901")])
        print(plan.diff)
        client.apply(plan, reason="let our tooling account in")

        print("\n3. What would lock the nodes out is refused:\n")
        try:
            client.remove_role_mapping(NODE)
        except awsauth.GuardError as error:
            print(error)

        print("\n4. Every change is in the history, and there is a way back:\n")
        for entry in client.history().entries:
            live = "  <- live" if entry.live else ""
            print(f"{entry.info.number}  {entry.info.kind:8}  {entry.info.reason}{live}")
        client.rollback(to=1, allow=["last-admin"])
        print(f"\nAfter going back to 1, the file is as it was: {manifest.read_bytes() == before}")


if __name__ == "__main__":
    main()
