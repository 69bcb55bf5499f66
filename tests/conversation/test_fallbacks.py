"""Classes of failure and what is done about them."""

import pytest

from conversation.fallbacks import FailureClass, failure_of_status, retry_delay_s, retryable


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (400, "invalid"), (401, "auth"), (403, "auth"), (404, "invalid"), (408, "timeout"),
        (429, "rate_limit"), (500, "server"), (503, "server"), (504, "timeout"), (302, "unknown"),
    ],
)  # fmt: skip
def test_class_of_an_http_status(status, failure):
    assert failure_of_status(status) == FailureClass(failure)


def test_only_transient_failures_are_tried_again():
    again = {failure for failure in FailureClass if retryable(failure)}
    assert again == {FailureClass.NETWORK, FailureClass.RATE_LIMIT, FailureClass.SERVER}
    assert retry_delay_s(FailureClass.AUTH, 0, 3) is None


def test_backoff_doubles_is_bounded_and_ends():
    delays = [retry_delay_s(FailureClass.SERVER, attempt, 8) for attempt in range(9)]
    assert delays == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0, None]
