"""Plan a change, have it approved, and apply what was approved: nothing else, whoever has written meanwhile.

python examples/cluster/plan_and_approve.py plan PLAN [CONTEXT]     makes the plan, and shows it as Markdown
python examples/cluster/plan_and_approve.py apply PLAN [CONTEXT]    applies it, here or on another machine
"""

from __future__ import annotations

import sys
from pathlib import Path

import awsauth

CHANGES: list[awsauth.Change] = [
    awsauth.EnsureRole(
        role_arn="arn:aws:iam::968802670493:role/auditor", username="auditor", groups=["auditors"], if_mapped="replace"
    ),
    awsauth.RemoveUser(user_arn="arn:aws:iam::968802670493:user/former-colleague"),
]

if len(sys.argv) not in (3, 4) or sys.argv[1] not in ("plan", "apply"):
    sys.exit(__doc__)
step, file, *context = sys.argv[1:]
with awsauth.connect(context=context[0]) if context else awsauth.connect() as client:
    if step == "plan":
        plan = client.plan(CHANGES)
        Path(file).write_text(plan.to_text(), encoding="utf-8")
        print(plan.diff.markdown())
        print(*plan.findings, sep="\n")
    else:
        approved = awsauth.Plan.from_text(Path(file).read_text(encoding="utf-8"))
        print(client.apply(approved, reason="ticket 7"))
