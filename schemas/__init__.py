"""What the processes agree on: events, records, topics, settings, vocabulary."""
