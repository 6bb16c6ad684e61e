"""Feeds: what sends events to a running Uptake from outside (replay, send, demo)."""
