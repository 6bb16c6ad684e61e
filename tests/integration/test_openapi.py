"""The OpenAPI document is true: schemathesis sends what it allows and what it forbids."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from streams.collector.openapi import document
from tests.fixtures.brokers import make_broker
from tests.integration.collector_process import RunningCollector, running_collector


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    folder = tmp_path_factory.mktemp("openapi")
    broker = make_broker("embedded", folder)
    broker.start()
    try:
        with running_collector(broker, folder) as running:
            yield running
    finally:
        broker.stop()


_OPERATIONS = {
    found.ok().label: found.ok()
    for found in schemathesis.openapi.from_dict(document()).get_all_operations()
    if isinstance(found, Ok)
}
_CHECKS = [
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
    # The schemas say what must hold, not all that must (dates exist, one identifier an actor):
    # what they forbid is refused, but not all that they allow is taken.
    negative_data_rejection,
]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("label", list(_OPERATIONS))
def test_the_document_is_true(
    collector: RunningCollector, label: str, mode: GenerationMode
) -> None:
    operation = _OPERATIONS[label]
    implemented = "501" not in operation.definition.raw["responses"]
    checks = [*_CHECKS, not_a_server_error] if implemented else _CHECKS

    @settings(
        max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(operation.as_strategy(generation_mode=mode))
    def conforms(case: Any) -> None:
        case.call_and_validate(
            base_url=collector.url, headers={"Authorization": "Bearer any-secret"}, checks=checks
        )

    try:
        conforms()
    except Unsatisfiable:
        assert mode == GenerationMode.NEGATIVE, "there is nothing to get wrong in this operation"
