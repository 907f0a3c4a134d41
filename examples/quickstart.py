"""Add a role beside the node role of a real aws-auth, see what changes, and see that nothing else did.

Works on a copy of aws-auth.yaml in a temporary folder: no cluster, no AWS account, no credentials.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import awsauth

ROLE = "arn:aws:iam::968802670493:role/mytestrole"


def main() -> None:
    """Add the role twice, and show what each call did."""
    with tempfile.TemporaryDirectory() as folder:
        manifest = Path(shutil.copy(Path(__file__).with_name("aws-auth.yaml"), folder))
        before = manifest.read_text(encoding="utf-8")

        result = awsauth.add_role_mapping(ROLE, username="admin", groups=["system:masters"], file=manifest)
        print(result.diff)

        after = manifest.read_text(encoding="utf-8")
        kept = all(line in after.splitlines() for line in before.splitlines())
        print(f"\nEvery line that was there still is: {kept}")

        again = awsauth.add_role_mapping(ROLE, username="admin", groups=["system:masters"], file=manifest)
        print(f"A second run changes something: {again.changed}")

        for role in result.document.roles:
            print(f"{role.role_arn}\n    is {role.username} in {', '.join(role.groups)}")


if __name__ == "__main__":
    main()
