"""Pages and reports for people. Everything here reads ClickHouse, never the stream's insides."""
