"""xAPI 1.0.x: the statement as types, the rules that types cannot say, and reading of requests."""
