"""Compare what the stream counted with a recount over the stored events."""
