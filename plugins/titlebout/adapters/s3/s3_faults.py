"""What an S3 store, or the way to it, says instead of an answer, in our own words."""

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigParseError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
)
from urllib3.exceptions import HTTPError

from titlebout.core.errors import AccessRefusedError, ObjectMissingError, TitleboutError, UnavailableError

VENDOR_ERRORS = (ClientError, BotoCoreError, HTTPError, OSError, ValueError, RecursionError)
"""Everything that botocore raises; it lets some of what lies below it through."""

_SETTINGS_ERRORS = (
    ConfigParseError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    ValueError,
)
_MISSING = {"404", "NoSuchKey", "NotFound"}
_CHANGED = {"412", "PreconditionFailed"}
_BUSY = {
    "429",
    "BandwidthLimitExceeded",
    "ConditionalRequestConflict",  # two conditional writes at the same moment: neither is refused yet
    "OperationAborted",
    "PriorRequestNotComplete",
    "QuotaExceeded",  # full: the same for the task as a store that is down
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestTimeout",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
}
_KEYS = "correct login and password of the connection"
_REGION = "correct region_name or endpoint_url of the connection"
_TOKEN = "put fresh keys and aws_session_token into the connection"  # noqa: S105  # a remedy, no secret
_REMEDIES = {
    "NoSuchBucket": "create the bucket or correct its name",
    "InvalidBucketName": "correct the bucket's name",
    "AccessDenied": "grant its user the right, or correct the connection's keys",
    "InvalidAccessKeyId": _KEYS,
    "SignatureDoesNotMatch": _KEYS,
    "ExpiredToken": _TOKEN,
    "InvalidToken": _TOKEN,
    "301": _REGION,
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "RequestTimeTooSkewed": "set the clock of this machine",
}
_ANY_REMEDY = "correct the connection's keys and region, or grant its user the right"


class ObjectChangedError(UnavailableError):
    """The object is another one than the request's condition names: asking once more gives the same answer."""


class UploadGoneError(UnavailableError):
    """The upload in parts was finished or aborted before: asking once more gives the same answer."""


class ConditionUnknownError(TitleboutError):
    """The store does not implement a request, or its condition. Stays within the S3 adapters."""


def fault_of(error: Exception, where: str, attempts: int) -> TitleboutError:
    """Return our own error for one of botocore's, after so many attempts."""
    if isinstance(error, ClientError):
        return _refusal(error, where, attempts)
    if isinstance(error, NoCredentialsError):
        remedy = "correct the connection: it needs login and password, or this machine keys of its own"
        return AccessRefusedError(f"{where}: there are no keys to ask with; {remedy}")
    if isinstance(error, _SETTINGS_ERRORS):
        return AccessRefusedError(f"{where}: cannot be asked for: {_one_line(error)}; correct the connection")
    if isinstance(error, RecursionError):
        # botocore answers a redirect by asking for the bucket's region, and that answer by asking again.
        return AccessRefusedError(f"{where}: the store only redirects to another address; {_REGION}")
    return UnavailableError(
        f"{where}: the store did not answer in {_times(attempts)}: {_one_line(error)}; "
        "start it or correct endpoint_url of the connection"
    )


def is_worth_another_try(fault: TitleboutError) -> bool:
    """Whether the same request may be answered a moment later."""
    return isinstance(fault, UnavailableError) and not isinstance(fault, ObjectChangedError | UploadGoneError)


def _refusal(error: ClientError, where: str, attempts: int) -> TitleboutError:
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    answer = f"{code} (HTTP {status})" if code else f"HTTP {status}"
    if code in _MISSING:
        return ObjectMissingError(f"{where}: there is no such object; run the step that makes it again")
    if code in _CHANGED:
        return ObjectChangedError(f"{where}: was replaced meanwhile; clear the task when its writer is done")
    if code == "NoSuchUpload":
        return UploadGoneError(f"{where}: its upload was aborted by somebody else; clear the task")
    if status == 501 or code == "NotImplemented":
        return ConditionUnknownError(f"{where}: the store does not implement {error.operation_name} as it was asked")
    if status >= 500 or status == 429 or code in _BUSY:
        said = f"the store answered {answer} in {_times(attempts)}"
        return UnavailableError(f"{where}: {said}; look after it, then clear the task")
    said = f"the store refuses {error.operation_name} with {answer}"
    return AccessRefusedError(f"{where}: {said}; {_REMEDIES.get(code, _ANY_REMEDY)}")


def _times(attempts: int) -> str:
    return f"{attempts} attempt{'' if attempts == 1 else 's'}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
