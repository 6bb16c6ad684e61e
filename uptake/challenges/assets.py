"""Challenges as lines of the asset directory, with how well they are put."""

from schemas.records import AssetEntry
from streams.intake.directory import MAX_TEXT
from uptake.challenges.lint import Report

KIND = "challenge"


def entries(report: Report, changed_at: int) -> list[AssetEntry]:
    """One a challenge, by its id. `changed_at`: ms since 1970 UTC."""
    return [
        AssetEntry(
            asset_id=challenge.id,
            kind=KIND,
            module=module.id,
            title=" ".join(challenge.text.split())[:MAX_TEXT],
            changed_at=changed_at,
            quality=challenge.score,
        )
        for module in report.modules
        for challenge in module.challenges
    ]
