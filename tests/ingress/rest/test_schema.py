"""Whatever fits our own OpenAPI, and whatever does not, gets an answer and never a server error:
schemathesis makes the requests up."""

from contextlib import suppress

import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode

from tests.ingress.rest.app import KEY, served

SLOW = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)
BEARER = {"Authorization": f"Bearer {KEY}"}


def try_out(operation, mode: GenerationMode) -> set[int]:
    """Which statuses the operation answered."""
    statuses: set[int] = set()

    @given(operation.as_strategy(generation_mode=mode))
    @settings(max_examples=20, suppress_health_check=SLOW)
    def ask(case):
        found = case.call_and_validate(headers=BEARER, checks=[not_a_server_error])
        statuses.add(found.status_code)

    with suppress(Unsatisfiable):  # nothing to get wrong in a request without fields
        ask()
    return statuses


def test_no_request_makes_a_server_error():
    with served(keys=(KEY,)) as (client, _):
        schema = schemathesis.openapi.from_url(f"{client.base_url}/openapi.json")
        answered = {}
        for result in schema.get_all_operations():
            operation = result.ok()
            for mode in GenerationMode:
                answered[operation.label, mode] = try_out(operation, mode)
    assert set().union(*answered.values()) >= {200, 400}, "some fit and some do not"
