"""What a process answers on its metrics port."""

from schemas.health import answer


def test_readiness_follows_the_process() -> None:
    assert answer("/readyz", lambda: True)[0] == 200
    assert answer("/readyz", lambda: False)[0] == 503


def test_health_does_not_ask_for_readiness() -> None:
    assert answer("/healthz", lambda: False) == (200, "text/plain; charset=utf-8", b"ok\n")


def test_metrics_are_in_the_prometheus_form() -> None:
    status, content_type, body = answer("/metrics?x=1", lambda: False)
    assert status == 200
    assert content_type.startswith("text/plain")
    assert b"# HELP uptake_events_in_total" in body


def test_other_paths_are_refused() -> None:
    assert answer("/", lambda: True)[0] == 404
