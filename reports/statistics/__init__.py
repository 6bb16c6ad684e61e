"""Pure statistics over counts that merge. Plain Python: nothing here needs numpy or scipy."""
