"""The five dashboards. `least`: values that fewer people stand behind are not shown."""

from collections.abc import Callable, Sequence

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync

from reports.grafana import queries
from reports.grafana.health import health
from reports.grafana.panels import SHARE, asked, bars, choice, number, series, table

_KINDS = ("all", "team", "region", "manager")
_WINDOWS = ("1h", "1d", "7d", "28d")
_SHARES = ("value", "low", "high", "before")
_JOURNEY_RATES = (
    ("module_completion_rate", "Modules completed of those started"),
    ("video_engagement", "Videos watched to the end"),
)
_OUTCOMES = (
    ("first_contact_resolution", "First-contact resolution"),
    ("win_rate", "Win rate"),
    ("escalation_rate", "Escalation rate"),
    ("sla_met", "Service level met"),
)
_TABLE = (
    "Newest value of the chosen period, its 95 % interval, and the period before. Shares lie "
    "between 0 and 1. Provisional: later steps may still change it."
)


def dashboards(least: int) -> dict[str, Dashboard]:
    """Name of the file, without its ending -> dashboard."""
    makers: dict[str, Callable[[int], Dashboard]] = {
        "adoption": _adoption,
        "journeys": _journeys,
        "experiments": _experiments,
        "outcomes": _outcomes,
        "health": health,
    }
    return {name: make(least) for name, make in makers.items()}


def _adoption(least: int) -> Dashboard:
    dashboard = _with_cohorts("uptake-adoption", "Uptake: live adoption", "now-7d", _WINDOWS)
    for indicator, title, unit in (
        ("adoption", "Adoption", SHARE),
        ("active_learners", "Active learners", "short"),
        ("module_completion_rate", "Modules completed of those started", SHARE),
        ("module_completions", "Modules completed", "short"),
    ):
        dashboard.with_panel(
            number(title, f"Newest value of `{indicator}`.", queries.newest(indicator, least), unit)
        )
    dashboard.with_panel(
        series(
            "Adoption, with its 95 % interval",
            "Active eligible learners of all eligible learners.",
            queries.trend("adoption", least),
            SHARE,
        )
    )
    dashboard.with_panel(
        series(
            "Adoption by cohort",
            f"Cohorts of the chosen kind; those with fewer than {least} people are left out.",
            queries.by_cohort("adoption", least),
            SHARE,
        )
    )
    dashboard.with_panel(
        series(
            "Events by tool",
            f"Slices of time with fewer than {least} people are left out.",
            queries.events(least),
            interval="1h",
        )
    )
    dashboard.with_panel(
        series(
            "Active learners by cohort",
            f"Cohorts of the chosen kind; those with fewer than {least} people are left out.",
            queries.by_cohort("active_learners", least),
        )
    )
    return dashboard.with_panel(
        table("Leading indicators", _TABLE, queries.table("leading", least))
    )


def _journeys(least: int) -> Dashboard:
    dashboard = _with_cohorts("uptake-journeys", "Uptake: journeys", "now-7d", _WINDOWS)
    dashboard.with_variable(
        asked(
            "journey",
            "Journey",
            queries.JOURNEYS,
            ("A ticket, from opening to closing, in whoever's hands", "ticket"),
        )
    )
    dashboard.with_panel(
        bars(
            "Funnel of the chosen journey",
            "Journeys that came to each step in the range of time.",
            queries.funnel(least),
        )
    )
    dashboard.with_panel(
        series(
            "Steps over time",
            f"Slices of time with fewer than {least} people are left out.",
            queries.steps(least),
            interval="1d",
        )
    )
    for indicator, title in _JOURNEY_RATES:
        about = f"`{indicator}` of the chosen cohort and period, with its 95 % interval."
        dashboard.with_panel(series(title, about, queries.trend(indicator, least), SHARE))
    return dashboard.with_panel(
        table(
            "All journeys",
            f"Journeys that came to each step in the range of time; fewer than {least} people: "
            "not shown.",
            queries.funnels(least),
        )
    )


def _experiments(least: int) -> Dashboard:
    dashboard = _with_cohorts("uptake-experiments", "Uptake: experiments", "now-90d", ())
    dashboard.with_panel(
        table(
            "Variants",
            "Learners who saw a variant, and the share of them that came to each step. What is "
            "certain is said by `uptake experiment status`, which looks again and again safely; "
            "these intervals do not.",
            queries.variants(least),
            ("clicked", "completed", "applied"),
        )
    )
    dashboard.with_panel(
        table(
            "Clicked, with its 95 % interval",
            "Wilson interval of one look. Do not stop an experiment for it.",
            queries.clicked(least),
            ("clicked", "low", "high"),
        ).span(12)
    )
    return dashboard.with_panel(
        series(
            "Learners who have seen each variant",
            "Added up from the beginning of the range. Variants of equal weight should stay equal.",
            queries.exposed(least),
            interval="1d",
        )
    )


def _outcomes(least: int) -> Dashboard:
    dashboard = _with_cohorts("uptake-outcomes", "Uptake: outcomes", "now-90d", _WINDOWS)
    for indicator, title in _OUTCOMES:
        dashboard.with_panel(
            number(
                title, f"Newest value of `{indicator}`.", queries.newest(indicator, least), SHARE
            )
        )
    for indicator, title in _OUTCOMES[:2]:
        dashboard.with_row(Row(title))
        about = f"`{indicator}` of the chosen cohort and period, with its 95 % interval."
        dashboard.with_panel(series(title, about, queries.trend(indicator, least), SHARE))
        dashboard.with_panel(
            series(
                f"{title} by cohort",
                f"Cohorts of the chosen kind; those with fewer than {least} people are left out.",
                queries.by_cohort(indicator, least),
                SHARE,
            )
        )
    return dashboard.with_row(Row("All")).with_panel(
        table("Lagging indicators", _TABLE, queries.table("lagging", least))
    )


def _with_cohorts(uid: str, title: str, begins: str, windows: Sequence[str]) -> Dashboard:
    dashboard = (
        Dashboard(title)
        .uid(uid)
        .tags(["uptake"])
        .timezone("utc")
        .time(begins, "now")
        .refresh("30s")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(choice("cohort_kind", "Cohorts", _KINDS, "all"))
        .with_variable(asked("cohort", "Cohort", queries.COHORTS, ("all", "all")))
    )
    if windows:
        dashboard.with_variable(choice("window", "Period", windows, "7d"))
    return dashboard
