"""Compute indicators again from the stored events: what is on the repair list, or any period."""
