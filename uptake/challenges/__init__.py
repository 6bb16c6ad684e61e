"""Micro-challenges: what a module offers a learner to do, and whether it is well put."""
