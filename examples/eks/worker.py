"""The worker's side: may this machine deploy to the cluster? It needs no stored credentials, no kubeconfig, no AWS CLI.

python examples/eks/worker.py CLUSTER         (its name, or its ARN)

Ends with 0 when it may. With 1 when it may not: the failed step says why, and for whoever looks after the cluster which
role to map, with the call and the command that do it.
"""

from __future__ import annotations

import sys

import awsauth

NEEDED = ["list nodes", "list namespaces", "create deployments.apps in default"]

if len(sys.argv) != 2:
    sys.exit(__doc__)
report = awsauth.health_check(cluster=sys.argv[1], may=NEEDED)
print(report)
sys.exit(not report.passed)
