"""What a failed model call means: its class, whether to try again, and what the caller hears."""

from enum import StrEnum


class FailureClass(StrEnum):
    """Classes of failure of a model back-end."""

    NETWORK = "network"
    AUTH = "auth"
    RATE_LIMIT = "rate_limit"
    TIMEOUT = "timeout"
    INVALID = "invalid"
    SERVER = "server"
    UNKNOWN = "unknown"


TRANSIENT = frozenset({FailureClass.NETWORK, FailureClass.RATE_LIMIT, FailureClass.SERVER})

FIRST_RETRY_S = 0.1
"""Pause before the first retry; doubled each time. Our choice: a caller hears every pause, and
Ray Serve needs some 100 ms to route around a dead replica."""

LONGEST_RETRY_S = 2.0


def failure_of_status(status: int) -> FailureClass:
    """Class of an HTTP error status (RFC 9110; 408 and 504 are time-outs, 429 a rate limit)."""
    match status:
        case 401 | 403:
            return FailureClass.AUTH
        case 408 | 504:
            return FailureClass.TIMEOUT
        case 429:
            return FailureClass.RATE_LIMIT
        case _ if 400 <= status < 500:
            return FailureClass.INVALID
        case _ if 500 <= status < 600:
            return FailureClass.SERVER
        case _:
            return FailureClass.UNKNOWN


def retryable(failure: FailureClass) -> bool:
    """Whether the same request may well succeed a moment later. A time-out is not: the caller has
    already waited for as long as a caller may."""
    return failure in TRANSIENT


def retry_delay_s(failure: FailureClass, attempt: int, retries: int) -> float | None:
    """Seconds to wait before retry number `attempt` (from 0), or None to give up."""
    if attempt >= retries or not retryable(failure):
        return None
    return min(FIRST_RETRY_S * 2**attempt, LONGEST_RETRY_S)
