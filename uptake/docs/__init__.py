"""Pages of the documentation that are made from what the code reads."""
