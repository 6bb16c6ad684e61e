"""All that can be said about how raters agree on one criterion."""

from collections.abc import Sequence
from itertools import combinations

from msgspec import Struct

from reports.scores.alpha import krippendorff_alpha
from reports.scores.bootstrap import Interval, interval
from reports.scores.icc import icc
from reports.scores.kappa import confusion, kappa, percent_agreement
from reports.scores.ratings import Ratings, complete, dominant_share, raters, units
from reports.scores.verdicts import Verdict, of_criterion, of_icc, of_kappa


class PairAgreement(Struct, frozen=True):
    """Two raters over the items both rated. Shares 0 to 1; None: no value.

    `verdict` is that of linear kappa: levels are in order, and two apart is worse than one.
    """

    first: str
    second: str
    items: int
    exact: float | None
    adjacent: float | None
    kappa: float | None
    linear: float | None
    quadratic: float | None
    verdict: Verdict | None


class Agreement(Struct, frozen=True):
    """All raters of one criterion.

    `items`: rated by at least two. `icc_items`: rated by everyone, and the only ones in the two
    intraclass correlations: `icc_single`, ICC(2,1), is the reliability of one rating,
    `icc_mean`, ICC(2,k), that of the mean of all raters. None: no value.
    """

    items: int
    raters: int
    pairs: list[PairAgreement]
    nominal: float | None
    ordinal: float | None
    interval: float | None
    ordinal_range: Interval | None
    icc_items: int
    icc_single: float | None
    icc_mean: float | None
    icc_verdict: Verdict | None
    dominant: float | None
    verdict: Verdict


def agreement(ratings: Ratings, levels: Sequence[float]) -> Agreement:
    """`levels`: all levels of the criterion, lowest first. Raises ValueError for any other."""
    everyone = raters(ratings)
    compared = [unit for unit in units(ratings) if len(unit) > 1]
    ordinal = krippendorff_alpha(compared, "ordinal")
    reach = interval(compared, lambda drawn: krippendorff_alpha(drawn, "ordinal"))
    rows = complete(ratings, everyone)
    crossed = icc(rows)
    single = crossed.two_single if crossed else None
    dominant = dominant_share(ratings)
    return Agreement(
        items=len(compared),
        raters=len(everyone),
        pairs=[_pair(ratings, a, b, levels) for a, b in combinations(everyone, 2)],
        nominal=krippendorff_alpha(compared, "nominal"),
        ordinal=ordinal,
        interval=krippendorff_alpha(compared, "interval"),
        ordinal_range=reach,
        icc_items=len(rows) if crossed else 0,
        icc_single=single,
        icc_mean=crossed.two_mean if crossed else None,
        icc_verdict=None if single is None else of_icc(single),
        dominant=dominant,
        verdict=of_criterion(ordinal, len(compared), dominant, reach.low if reach else None),
    )


def _pair(ratings: Ratings, first: str, second: str, levels: Sequence[float]) -> PairAgreement:
    table = confusion(ratings, first, second, levels)
    linear = kappa(table, "linear")
    return PairAgreement(
        first=first,
        second=second,
        items=sum(map(sum, table)),
        exact=percent_agreement(table),
        adjacent=percent_agreement(table, apart=1),
        kappa=kappa(table),
        linear=linear,
        quadratic=kappa(table, "quadratic"),
        verdict=None if linear is None else of_kappa(linear),
    )
