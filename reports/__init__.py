"""Statistics, pages and reports for people. All of it reads ClickHouse, never the stream's
insides."""
