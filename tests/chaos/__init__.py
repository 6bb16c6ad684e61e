"""The whole pipeline as real processes, under load, while a seeded schedule of faults goes on."""
