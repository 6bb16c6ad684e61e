"""A simulated organisation with known true effects. Seeded, any size, no I/O but in `run`."""
