"""Sentences that the story and the brief share."""

from typing import NamedTuple

from reports.board.words import inside
from reports.statistics.proportions import Share, fixed_z
from reports.stories.ask import Answer
from reports.stories.document import Figure, Sentence

_SHARES = ("rate", "share_of_eligible")
_LEVEL = 0.05


class Compared(NamedTuple):
    """An indicator of the catalog in two periods; `earlier` has no row where `now` is not shown."""

    name: str
    now: Answer
    earlier: Answer

    @property
    def shown(self) -> bool:
        """Whether there is a value that may be shown."""
        return not self.now.few and self.now.row["value"] is not None

    @property
    def comparable(self) -> bool:
        """Whether there is one of the period before, too."""
        return self.shown and not self.earlier.few and self.earlier.row["value"] is not None

    @property
    def direction(self) -> str:
        """rose, fell or stayed; of what is comparable."""
        difference = self.now.row["value"] - self.earlier.row["value"]
        return "rose" if difference > 0 else "fell" if difference < 0 else "stayed"

    @property
    def better(self) -> bool:
        """Whether it went the way that is good."""
        return self.direction == ("rose" if self.now.row["good"] == "up" else "fell")

    @property
    def worse(self) -> bool:
        """Whether it went the other way; of what is comparable."""
        return self.direction != "stayed" and not self.better

    @property
    def certain(self) -> bool:
        """Whether the two shares differ more than chance explains: the test that the insight of
        the board uses, for cases that are independent. Of rates that are comparable."""
        now, earlier = _share(self.now), _share(self.earlier)
        if not now.cases or not earlier.cases or now.value == earlier.value:
            return False
        return fixed_z(now, earlier)[1] < _LEVEL


def indicator(compared: Compared, title: str) -> list[Sentence]:
    """What an indicator was, what it rests on, and how that compares."""
    now = compared.now
    if not compared.shown:
        return [few(title, now)]
    figures = {"value": _value(now, "value"), "people": now.count("people")}
    text = f"{title} was {{value}}"
    if now.row["measure"] == "share_of_eligible":
        figures["cases"] = now.count("denominator")
        text += ": {people} of {cases} people"
    elif now.row["measure"] in ("rate", "mean"):
        figures["cases"] = now.count("denominator")
        text += " over {cases} cases, behind which {people} people stand"
    elif now.row["measure"] == "people":
        del figures["people"]
    else:
        text += ", by {people} people"
    found = [Sentence(f"{text}.", figures), *_comparison(compared)]
    if now.row["provisional"]:
        found.append(
            Sentence(
                f"{title} may still change: the time in which later steps count is not over.",
                {},
                (now.query,),
            )
        )
    return found


def few(title: str, answer: Answer) -> Sentence:
    """In the place of a number that must not be shown."""
    if not answer.row:
        return Sentence(f"{title}: nothing was counted.", {}, (answer.query,))
    return Sentence(f"{title}: too few people stand behind it to show it.", {}, (answer.query,))


def _comparison(compared: Compared) -> list[Sentence]:
    now, earlier = compared.now, compared.earlier
    if not compared.comparable:
        text = "There is nothing to compare it with in the period before."
        return [Sentence(text, {}, (earlier.query,))]
    if compared.direction == "stayed":
        return [Sentence("It was the same in the period before.", {}, (now.query, earlier.query))]
    better = "better" if compared.better else "worse"
    figures = {"before": _value(earlier, "value")}
    text = f"In the period before it was {{before}}; it {compared.direction}, which is {better}."
    found = [Sentence(text, figures, (now.query,))]
    if now.row["low"] is None:
        return found
    ends = {
        "low": now.share("low"),
        "high": now.share("high"),
        "low_before": earlier.share("low"),
        "high_before": earlier.share("high"),
    }
    text = "The intervals are {low} to {high} now, {low_before} to {high_before} before."
    found.append(Sentence(text, ends))
    if now.row["measure"] == "rate":
        text = (
            "The difference is more than chance would explain, by a test of two shares."
            if compared.certain
            else "The difference may well be chance, by a test of two shares."
        )
        found.append(Sentence(text, {}, (now.query, earlier.query)))
    return found


def _share(answer: Answer) -> Share:
    return Share(int(answer.row["numerator"]), int(answer.row["denominator"] or 0))


def _value(answer: Answer, column: str) -> Figure:
    measure = answer.row["measure"]
    if measure in _SHARES:
        return answer.share(column)
    return answer.mean(column) if measure == "mean" else answer.count(column)


def named(answer: Answer, name: str) -> str:
    """The title of an indicator for the beginning of a sentence. One with a digit would be a number
    that is of no query."""
    title = str(answer.row.get("title") or name)
    return "The indicator" if any(letter.isdigit() for letter in title) else title


def lower(title: str) -> str:
    """For the inside of a sentence."""
    return inside(title)
