"""Go back to how aws-auth was before the newest change, after a look at what that does.

python examples/cluster/rollback.py [CONTEXT]
"""

from __future__ import annotations

import sys

import awsauth

with awsauth.connect(context=sys.argv[1]) if sys.argv[1:] else awsauth.connect() as client:
    print(client.history())
    try:
        print(client.rollback(dry_run=True))
    except awsauth.GuardError as refusal:
        # Nobody is locked out by accident: whoever means it passes what the refusal says.
        print(refusal)
    else:
        print("Now at revision", client.rollback(reason="back to before release 42").revision)
