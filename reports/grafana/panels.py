"""The kinds of panel, variable and query that the dashboards are made of."""

from collections.abc import Sequence

from grafana_foundation_sdk.builders.bargauge import Panel as BarGauge
from grafana_foundation_sdk.builders.common import ReduceDataOptions, VizLegendOptions
from grafana_foundation_sdk.builders.dashboard import CustomVariable, QueryVariable
from grafana_foundation_sdk.builders.prometheus import Dataquery as PrometheusBuilder
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.table import Panel as Table
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import (
    DataSourceRef,
    LegendDisplayMode,
    LegendPlacement,
    LineInterpolation,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DynamicConfigValue,
    VariableOption,
    VariableRefresh,
)

CLICKHOUSE = DataSourceRef("grafana-clickhouse-datasource", "uptake-clickhouse")
PROMETHEUS = DataSourceRef("prometheus", "uptake-prometheus")
TOO_FEW = "too few people to show"
SHARE = "percentunit"

_TIME_SERIES, _TABLE = 0, 1
"""Formats of the ClickHouse datasource."""


class ClickHouseQuery(Builder[Dataquery], Dataquery):
    """A query in SQL for the official ClickHouse datasource, which the kit does not know."""

    def __init__(self, sql: str, is_series: bool) -> None:
        self._sql = sql
        self._is_series = is_series

    def build(self) -> Dataquery:
        """Itself."""
        return self

    def to_json(self) -> dict[str, object]:
        """As the datasource stores it in a dashboard."""
        return {
            "refId": "A",
            "datasource": CLICKHOUSE,
            "editorType": "sql",
            "queryType": "timeseries" if self._is_series else "table",
            "format": _TIME_SERIES if self._is_series else _TABLE,
            "rawSql": self._sql,
        }


def series(
    title: str, about: str, sql: str, unit: str = "short", interval: str = "1m"
) -> TimeSeries:
    """Lines over time, of ClickHouse. `interval`: the least width of a slice of time."""
    return (
        TimeSeries()
        .title(title)
        .description(about)
        .datasource(CLICKHOUSE)
        .with_target(ClickHouseQuery(sql, is_series=True))
        .unit(unit)
        .interval(interval)
        .no_value(TOO_FEW)
        .line_interpolation(LineInterpolation.STEP_AFTER)
        .legend(_legend())
        .height(9)
        .span(12)
    )


def measured(title: str, about: str, queries: Sequence[tuple[str, str]], unit: str) -> TimeSeries:
    """Lines over time, of Prometheus. `queries`: (expression, legend)."""
    panel = (
        TimeSeries()
        .title(title)
        .description(about)
        .datasource(PROMETHEUS)
        .unit(unit)
        .legend(_legend())
        .height(8)
        .span(12)
    )
    for number, (expression, legend) in enumerate(queries):
        query = PrometheusBuilder().expr(expression).legend_format(legend).range()
        panel.with_target(query.ref_id(chr(ord("A") + number)).datasource(PROMETHEUS))
    return panel


def number(title: str, about: str, sql: str, unit: str = "short") -> Stat:
    """One number, of ClickHouse."""
    return (
        Stat()
        .title(title)
        .description(about)
        .datasource(CLICKHOUSE)
        .with_target(ClickHouseQuery(sql, is_series=False))
        .unit(unit)
        .no_value(TOO_FEW)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        .height(4)
        .span(6)
    )


def table(title: str, about: str, sql: str, shares: Sequence[str] = ()) -> Table:
    """A table, of ClickHouse. `shares`: the columns that lie between 0 and 1."""
    panel = (
        Table()
        .title(title)
        .description(about)
        .datasource(CLICKHOUSE)
        .with_target(ClickHouseQuery(sql, is_series=False))
        .no_value("")
        .height(9)
        .span(24)
    )
    for name in shares:
        panel.override_by_name(name, [DynamicConfigValue("unit", SHARE)])
    return panel


def bars(title: str, about: str, sql: str, unit: str = "short") -> BarGauge:
    """A bar for each row, of ClickHouse."""
    return (
        BarGauge()
        .title(title)
        .description(about)
        .datasource(CLICKHOUSE)
        .with_target(ClickHouseQuery(sql, is_series=False))
        .unit(unit)
        .no_value(TOO_FEW)
        .orientation(VizOrientation.HORIZONTAL)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]).values(True))
        .height(9)
        .span(12)
    )


def choice(name: str, label: str, values: Sequence[str], chosen: str) -> CustomVariable:
    """A variable with these values."""
    return (
        CustomVariable(name)
        .label(label)
        .values(",".join(values))
        .options([VariableOption(value == chosen, value, value) for value in values])
        .current(VariableOption(True, chosen, chosen))
    )


def asked(name: str, label: str, sql: str, chosen: tuple[str, str]) -> QueryVariable:
    """A variable whose values ClickHouse gives. `chosen`: (text, value)."""
    return (
        QueryVariable(name)
        .label(label)
        .datasource(CLICKHOUSE)
        .query(sql)
        .definition(sql)
        .refresh(VariableRefresh.ON_DASHBOARD_LOAD)
        .current(VariableOption(True, *chosen))
    )


def _legend() -> VizLegendOptions:
    return (
        VizLegendOptions()
        .display_mode(LegendDisplayMode.LIST)
        .placement(LegendPlacement.BOTTOM)
        .show_legend(True)
    )
