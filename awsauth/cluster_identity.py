"""Who somebody is to AWS, and to a cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from awsauth.errors import AuthenticationError, ForbiddenError, UsageError
from awsauth.kube.review import review

if TYPE_CHECKING:
    from awsauth.aws.identity import Identity
    from awsauth.connecting import Connection


def cluster_identity(connection: Connection | None) -> Identity:
    """Return who the caller is to AWS, with the username and groups on the cluster (see `awsauth.AwsAuthClient.identity`).

    Raises:
        UsageError: there is no cluster to ask.
        AwsAuthError: AWS cannot be asked, or the cluster does not answer.
    """
    if connection is None:
        raise UsageError("There is no cluster here that could be asked.", cure="Connect with a cluster.")
    from awsauth.aws.identity import identity_of
    from awsauth.aws.session import AwsSession

    tokens = connection.tokens
    identity = identity_of(tokens.session, near=tokens.region) if tokens else identity_of(AwsSession.of_environment())
    role = f", as {tokens.role_arn}" if tokens and tokens.role_arn else ""
    identity = replace(identity, cluster=f"{connection.description}{role}")
    try:
        found = review(connection.transport)
    except AuthenticationError:
        return replace(identity, cluster_problem="does not let the caller in (401); a health check says what would")
    except ForbiddenError:
        return replace(identity, cluster_problem="does not tell: the right to ask was taken away (system:basic-user)")
    if found is None:
        return replace(identity, cluster_problem="cannot tell, as a server before Kubernetes 1.27")
    return replace(identity, username=found.username, groups=tuple(sorted(found.own_groups)))
