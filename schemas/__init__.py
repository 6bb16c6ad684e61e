"""What the processes agree on: events, records, topics, settings, vocabulary. Imports nothing else of ours."""
