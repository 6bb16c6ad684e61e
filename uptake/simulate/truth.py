"""What is true in the simulated organisation: every effect that its events carry, in one place.

Probabilities add up and never leave 0..1, so each effect is recovered by plain differences of
shares. Levels of rubric and confidence scale run from 1 to 5; (level - 1) / 4 is their 0-1 value.
"""

from dataclasses import dataclass, field

DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Nudge:
    """A hint in one tool, shown to a random half of the moments of need there."""

    shown: float = 0.5
    opened: float = 0.7
    acted: float = 0.6
    """Of those opened."""
    banner_opened: float = -0.3
    """Less in the placement `banner` than in `sidebar`."""
    lift: float = 0.0
    """What being shown adds to the probability of success of the work at hand."""


@dataclass(frozen=True)
class Trial:
    """An experiment: `clicked` of the control, and what the second variant adds."""

    name: str
    clicked: float
    effect: float
    completed: float = 0.6
    """Of those who clicked."""
    applied: float = 0.5
    """Of those who completed."""


@dataclass(frozen=True)
class Truth:
    """The organisation's true effects."""

    # A nudge that works in one tool and not in another.
    ticketing_nudge: Nudge = Nudge(acted=0.6, lift=0.10)
    crm_nudge: Nudge = Nudge(acted=0.2, lift=0.0)

    # First-contact resolution, and a rollout that lifts it.
    first_contact: float = 0.42
    rollout_day: float = 28.0
    """Teams of the rollout begin then; the others never do."""
    rollout_lift: float = 0.15
    skill_lift: float = 0.2
    """Times (skill - mean skill)."""

    # Practice of a team in a week moves first-contact resolution two weeks later.
    practice_checked: float = 0.15
    practice_lift: float = 0.08
    practice_delay_weeks: int = 2

    # Micro-challenges.
    checked_well_written: float = 0.55
    checked_badly_written: float = 0.35
    unchecked: float = 0.05
    """Of those checked off: taken back (voided)."""
    recalled: float = 0.4
    """Of those of kind consolidation that were checked off."""

    # Practice and its raters.
    submitted_in_time: float = 0.7
    submitted_late: float = 0.15
    feedback_quality: float = 0.6
    """Mean, on 0-1."""
    drifting_rater: int = 0
    """Which of the organisation's raters."""
    drift_day: float = 28.0
    drift_levels: float = 0.6
    """How much lower the drifting rater scores from that day on, in levels."""
    rater_noise: float = 0.2
    """Probability of one level too high, and of one too low."""

    # An over-confident cohort: everybody in one region.
    over_confident_region: str = "West"
    over_confidence: float = 0.15
    """How much higher they report, on 0-1, with equal performance."""

    # The manager loop: suggestion -> how often it works when it was tried and reported.
    tried: float = 0.6
    reported: float = 0.8
    worked: dict[str, float] = field(
        default_factory=lambda: {"ask": 0.3, "praise": 0.5, "pair": 0.7}
    )

    trials: tuple[Trial, ...] = (
        Trial("short-hint", clicked=0.30, effect=0.15),
        Trial("new-colour", clicked=0.30, effect=0.0),
    )


DEFAULT = Truth()
