"""How reliable one rating is, from whatever items several raters rated."""

from msgspec import Struct

from reports.scores.icc import icc
from reports.scores.ratings import Ratings, complete, raters
from reports.scores.verdicts import LEAST_ITEMS


class Reliability(Struct, frozen=True):
    """`single`: of one rating, 0 to 1; None: it cannot be said, and `told` says why. It may be
    below 0, where raters agree less than chance."""

    single: float | None
    items: int
    told: str


def reliability(ratings: Ratings) -> Reliability:
    """ICC(2,1) where enough items were rated by everyone; else ICC(1,1) of the first two ratings
    of each item, which also counts how raters differ on the whole as error."""
    everyone = complete(ratings, raters(ratings))
    crossed = icc(everyone) if len(everyone) >= LEAST_ITEMS else None
    if crossed is not None and crossed.two_single is not None:
        told = f"ICC(2,1) over {len(everyone)} items that everyone rated"
        return Reliability(crossed.two_single, len(everyone), told)
    pairs = [list(given.values())[:2] for given in ratings.values() if len(given) > 1]
    if len(pairs) < LEAST_ITEMS:
        told = f"{len(pairs)} items were rated twice, at least {LEAST_ITEMS} are needed"
        return Reliability(None, len(pairs), told)
    single = icc(pairs)
    if single is None or single.one_single is None:
        return Reliability(None, len(pairs), "everyone gave the same level everywhere")
    return Reliability(
        single.one_single, len(pairs), f"ICC(1,1) over {len(pairs)} items rated twice"
    )
