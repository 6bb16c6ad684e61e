"""Many observations at once."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram

from sinks.clickhouse.freshness import observe_many


@given(st.lists(st.sampled_from([0.05, 0.1, 1.0]) | st.floats(-1, 400), max_size=50))
def test_it_says_what_observe_would_say(values: list[float]) -> None:
    """Also fails when prometheus_client changes what `observe_many` reaches into."""
    one, many = (_histogram() for _ in range(2))
    child = one.labels("lms")
    for value in sorted(values):
        child.observe(value)
    observe_many(many.labels("lms"), values)
    expected, found = (_samples(histogram) for histogram in (one, many))
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert abs(found[key] - value) < 1e-6, key


def _histogram() -> Histogram:
    return Histogram(
        "x", "x", ["source"], buckets=(0.05, 0.1, 1.0, 300.0), registry=CollectorRegistry()
    )


def _samples(histogram: Histogram) -> dict[tuple[str, str], float]:
    return {
        (sample.name, sample.labels.get("le", "")): sample.value
        for metric in histogram.collect()
        for sample in metric.samples
        if not sample.name.endswith("_created")
    }
