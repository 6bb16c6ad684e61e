"""Stories and briefs from data: every number is of a query that is listed at the end."""
