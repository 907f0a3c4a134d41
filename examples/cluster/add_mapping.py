"""Map a role in a live cluster: first by the server's own dry run, then for good.

python examples/cluster/add_mapping.py [CONTEXT]        without one: the cluster that kubectl would use
"""

from __future__ import annotations

import sys

import awsauth

ROLE = "arn:aws:iam::968802670493:role/mytestrole"

with awsauth.connect(context=sys.argv[1]) if sys.argv[1:] else awsauth.connect() as client:
    preview = client.add_role_mapping(ROLE, username="admin", groups=["system:masters"], dry_run="server")
    print(preview)

    result = client.add_role_mapping(ROLE, username="admin", groups=["system:masters"], reason="release 42")
    print("Revision", result.revision, "is live." if result.changed else "- nothing to do.")

    print(client.explain(ROLE))
