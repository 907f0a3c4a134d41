"""STS's answer to a presigned GetCallerIdentity, for the keys that moto's IAM and STS gave out.

moto looks at no signature, ignores the key in a presigned URL and answers in XML: with it alone, a forged token, or one
for another cluster, would be let in.
"""

from __future__ import annotations

import datetime as dt
import hmac
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

if TYPE_CHECKING:
    from collections.abc import Mapping

_VALID = dt.timedelta(minutes=15)
_SKEW = dt.timedelta(minutes=5)
_REQUEST_ID = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class _Caller:
    """Who holds an access key."""

    secret_key: str
    session_token: str | None
    expiration: dt.datetime | None
    user_id: str
    arn: str
    account: str


class _RefusedError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def is_caller_identity(url: str) -> bool:
    """Say whether the URL of a GET asks who signed it."""
    parts = urlsplit(url)
    is_sts = (parts.hostname or "").split(".")[0] in {"sts", "sts-fips"}
    return is_sts and dict(parse_qsl(parts.query)).get("Action") == "GetCallerIdentity"


def answer(url: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
    """Return the status of the answer to such a request, and its body, in JSON as the authenticator asks for it."""
    try:
        caller = _verified(url, headers)
    except _RefusedError as refused:
        error = {"Code": refused.code, "Message": refused.message, "Type": "Sender"}
        return 403, json.dumps({"Error": error, "RequestId": _REQUEST_ID}).encode()
    result = {"Account": caller.account, "Arn": caller.arn, "UserId": caller.user_id}
    content = {"GetCallerIdentityResult": result, "ResponseMetadata": {"RequestId": _REQUEST_ID}}
    return 200, json.dumps({"GetCallerIdentityResponse": content}).encode()


def _verified(url: str, headers: Mapping[str, str]) -> _Caller:
    query = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    signature = query.pop("X-Amz-Signature", "")
    if not signature or query.get("X-Amz-Algorithm") != "AWS4-HMAC-SHA256":
        raise _RefusedError("MissingAuthenticationToken", "Request is missing Authentication Token")
    try:
        access_key, day, region, service, terminator = query["X-Amz-Credential"].split("/")
        signed_at = dt.datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.timezone.utc)
    except (KeyError, ValueError) as error:
        raise _RefusedError("IncompleteSignature", "The signature's parameters cannot be read.") from error
    caller = _caller(access_key)
    _check_time(signed_at, caller)
    if (day, service, terminator) != (query["X-Amz-Date"][:8], "sts", "aws4_request"):
        raise _RefusedError("SignatureDoesNotMatch", "Credential should be scoped to correct service and date.")
    if query.get("X-Amz-Security-Token") != caller.session_token:
        raise _RefusedError("InvalidClientTokenId", "The security token included in the request is invalid")
    expected = _signature(url, query, headers, Credentials(access_key, caller.secret_key), region)
    if not hmac.compare_digest(expected, signature):
        raise _RefusedError("SignatureDoesNotMatch", "The request signature we calculated does not match.")
    return caller


def _check_time(signed_at: dt.datetime, caller: _Caller) -> None:
    now = dt.datetime.now(dt.timezone.utc)
    if now > signed_at + _VALID:
        raise _RefusedError("SignatureDoesNotMatch", "Signature expired")
    if now < signed_at - _SKEW:
        raise _RefusedError("SignatureDoesNotMatch", "Signature not yet current")
    if caller.expiration is not None and now > caller.expiration:
        raise _RefusedError("ExpiredToken", "The security token included in the request is expired")


def _signature(
    url: str, query: Mapping[str, str], headers: Mapping[str, str], credentials: Credentials, region: str
) -> str:
    """Return the signature that a request has when it is signed with `credentials`."""
    parts = urlsplit(url)
    lower = {name.lower(): value for name, value in headers.items()}
    # A signed header that was not sent is signed as an empty one, which nobody signs.
    signed = {name: lower.get(name, "") for name in query.get("X-Amz-SignedHeaders", "").split(";")}
    if "host" not in signed:
        raise _RefusedError("SignatureDoesNotMatch", "'Host' must be a 'SignedHeader' in the AWS Authorization.")
    request = AWSRequest("GET", f"{parts.scheme}://{parts.netloc}{parts.path}", params=dict(query), headers=signed)
    request.context["timestamp"] = query["X-Amz-Date"]
    auth = SigV4QueryAuth(credentials, "sts", region)
    return str(auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request))


def _caller(access_key: str) -> _Caller:
    """Find who holds a key, in whichever account and partition."""
    for sts in [backend for account in list(sts_backends.values()) for backend in list(account.values())]:
        role = sts.get_assumed_role_from_access_key(access_key)
        if role is not None:
            expiration = role.expiration.replace(tzinfo=dt.timezone.utc)
            return _Caller(
                role.secret_access_key, role.session_token, expiration, role.user_id, role.arn, role.account_id
            )
    for iam in [backend for account in list(iam_backends.values()) for backend in list(account.values())]:
        user = iam.get_user_from_access_key_id(access_key)
        if user is not None and user.get_access_key_by_id(access_key).status == "Active":
            secret_key = user.get_access_key_by_id(access_key).secret_access_key
            return _Caller(secret_key, None, None, user.id, user.arn, user.account_id)
    raise _RefusedError("InvalidClientTokenId", "The security token included in the request is invalid")
