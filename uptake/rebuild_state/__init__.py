"""The one way to make keyed state anew, from the stored events: see docs/decisions/0010."""
