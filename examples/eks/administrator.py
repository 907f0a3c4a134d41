"""The administrator's side: map the role of a machine that is to deploy, and see that everybody still gets in.

python examples/eks/administrator.py CLUSTER ROLE_ARN USERNAME GROUP [GROUP ...]

The change is shown first. Made, it is reverted by itself when a new token of the administrator's own no longer works.
"""

from __future__ import annotations

import sys

import awsauth

if len(sys.argv) < 5:
    sys.exit(__doc__)
cluster, role_arn, username, *groups = sys.argv[1:]

with awsauth.connect(cluster=cluster) as client:
    plan = client.plan(awsauth.EnsureRole(role_arn=role_arn, username=username, groups=groups))
    print(plan.diff)
    for finding in plan.findings:
        print(f"{finding.severity.value}: {finding}")

    result = client.apply(plan, reason=f"{username} deploys from now on", revert_after=20)
    if result.changed:
        print(f"Revision {result.revision} is live. The way back: client.rollback()")
    else:
        print("Nothing to do: it is mapped so already.")
    print(client.explain(role_arn))
