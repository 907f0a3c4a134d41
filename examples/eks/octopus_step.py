"""A deployment step for Octopus Deploy: map a role in an EKS cluster.

For a "Run a Script" step (Python) on a worker that has this library. The step takes these variables:

    AwsAuth.Cluster     the cluster's name or ARN
    AwsAuth.RoleArn     the role to map
    AwsAuth.Username    its username in the cluster
    AwsAuth.Groups      its groups, with commas between them
    AwsAuth.DryRun      "True" to show only what would change; may be left out

Its output is the difference; what the library has to say is in it as warnings. It sets the output variables
AwsAuth.Changed ("True" or "False") and AwsAuth.Revision. AWS credentials are those of the worker: of its instance's role,
or what an AWS account variable puts into the environment.
"""

from __future__ import annotations

import sys
from typing import Any

import awsauth

# What Octopus defines for a script stands in its globals. The script's name there is not "__main__", and the last of its
# arguments is the key to all variables, so nothing here looks at either.
OCTOPUS: dict[str, Any] = globals()
MISSING = object()


def variable(name: str, default: Any = MISSING) -> str:
    """Return an Octopus variable; end the step where it has no value."""
    try:
        value = OCTOPUS["get_octopusvariable"](name)
    except KeyError:
        value = ""
    if value.strip() or default is not MISSING:
        return str(value.strip() or default)
    OCTOPUS["failstep"](f"The variable {name} has no value: nothing was changed.")
    raise SystemExit(1)


def step() -> None:
    """Make the change, and tell Octopus what came of it."""
    cluster, role_arn = variable("AwsAuth.Cluster"), variable("AwsAuth.RoleArn")
    username, groups = variable("AwsAuth.Username"), variable("AwsAuth.Groups").split(",")
    is_rehearsal = variable("AwsAuth.DryRun", "False").lower() == "true"
    release = variable("Octopus.Release.Number", "")
    try:
        result = awsauth.add_role_mapping(
            role_arn,
            username=username,
            groups=[group.strip() for group in groups],
            cluster=cluster,
            reason=f"Octopus release {release}" if release else "Octopus",
            dry_run=is_rehearsal,
        )
    except awsauth.AwsAuthError as error:
        print(error, file=sys.stderr)
        OCTOPUS["failstep"](str(error).splitlines()[0])
        raise SystemExit(1) from None
    print(result.diff if result.changed else f"{role_arn} is mapped so already: nothing to do.")
    for finding in result.findings:
        OCTOPUS["printwarning"](str(finding))
    OCTOPUS["set_octopusvariable"]("AwsAuth.Changed", str(result.changed))
    OCTOPUS["set_octopusvariable"]("AwsAuth.Revision", str(result.revision or ""))
    if result.changed and not is_rehearsal:
        OCTOPUS["printhighlight"](f"{username} is mapped, as revision {result.revision} of aws-auth")


if "get_octopusvariable" in OCTOPUS:
    step()
else:
    sys.exit("This is a script step for Octopus Deploy, and it is not Octopus that runs it: nothing was done.")
