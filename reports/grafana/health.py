"""The dashboard of the pipeline's health: Prometheus for what moves, ClickHouse for what must add
up."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from reports.grafana import queries
from reports.grafana.panels import measured, number, series, table

_PERIOD = "$__rate_interval"


def health(least: int) -> Dashboard:
    """`least` is of no meaning here: nothing on it is of people."""
    del least
    dashboard = (
        Dashboard("Uptake: pipeline health")
        .uid("uptake-health")
        .tags(["uptake"])
        .timezone("utc")
        .time("now-6h", "now")
        .refresh("30s")
    )
    _add_up(dashboard)
    _moves(dashboard)
    _inside(dashboard)
    return dashboard


def _add_up(dashboard: Dashboard) -> None:
    dashboard.with_panel(
        number("Events missing", "0, or something went wrong: see the runbook.", queries.DIFFERENCE)
    )
    dashboard.with_panel(
        number("Repairs waiting", "Stretches to be computed again.", queries.REPAIRS)
    )
    dashboard.with_panel(
        table(
            "Every event is stored, dead, a duplicate or pending",
            "The account of each source since the beginning.",
            queries.CONSERVATION,
        ).span(12)
    )
    dashboard.with_panel(
        table(
            "Dead letters by reason",
            "Those of the range of time of which nothing was done yet.",
            queries.DEAD_LETTERS,
        ).span(12)
    )
    dashboard.with_panel(
        series("Dead letters", "By reason.", queries.DEAD_LETTERS_OVER_TIME, interval="10m")
    )


def _moves(dashboard: Dashboard) -> None:
    dashboard.with_panel(
        measured(
            "Events in",
            "By process and source.",
            [(f"sum by (process, source) (rate(uptake_events_in_total[{_PERIOD}]))",
              "{{process}} {{source}}")],
            "eps",
        )
    )  # fmt: skip
    dashboard.with_panel(
        measured(
            "Events out",
            "By process and outcome.",
            [(f"sum by (process, outcome) (rate(uptake_events_out_total[{_PERIOD}]))",
              "{{process}} {{outcome}}")],
            "eps",
        )
    )  # fmt: skip
    freshness = (
        "histogram_quantile({share}, sum by (source, le) "
        f"(rate(uptake_freshness_seconds_bucket[{_PERIOD}])))"
    )
    dashboard.with_panel(
        measured(
            "Freshness",
            "From an event's acceptance to its row being queryable.",
            [
                (freshness.format(share="0.5"), "{{source}}, half"),
                (freshness.format(share="0.95"), "{{source}}, 95 %"),
            ],
            "s",
        )
    )
    dashboard.with_panel(
        measured(
            "Records waiting",
            "Before each process.",
            [("sum by (process, topic) (uptake_lag_records)", "{{process}} {{topic}}")],
            "short",
        )
    )
    dashboard.with_panel(
        measured(
            "Share of invalid records",
            "Among the last of each source; intake stops where it is too large.",
            [("max by (source) (uptake_invalid_share)", "{{source}}")],
            "percentunit",
        )
    )


def _inside(dashboard: Dashboard) -> None:
    dashboard.with_panel(
        measured(
            "Inserts, 95 %",
            "Time of one insert into ClickHouse.",
            [("histogram_quantile(0.95, sum by (table, le) "
              f"(rate(uptake_insert_seconds_bucket[{_PERIOD}])))", "{{table}}")],
            "s",
        )
    )  # fmt: skip
    dashboard.with_panel(
        measured(
            "Epochs, 95 %",
            "Time to write one epoch of state.",
            [("histogram_quantile(0.95, sum by (agent, le) "
              f"(rate(uptake_epoch_seconds_bucket[{_PERIOD}])))", "{{agent}}")],
            "s",
        )
    )  # fmt: skip
    dashboard.with_panel(
        measured(
            "Memory of keyed state",
            "As last reckoned.",
            [("sum by (agent) (uptake_memory_held_bytes)", "{{agent}}")],
            "bytes",
        )
    )
    dashboard.with_panel(
        measured(
            "Differences from a recount, and restarts",
            "0, unless something went wrong.",
            [
                ("max(uptake_reconcile_differences)", "rows that differ"),
                (f"sum by (process) (increase(uptake_restarts_total[{_PERIOD}]))",
                 "restarts of {{process}}"),
            ],
            "short",
        )
    )  # fmt: skip
