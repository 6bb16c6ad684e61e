"""What the scores in the store say, by cohort and period."""
