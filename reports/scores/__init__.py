"""Scores: how far raters agree, and the confidence and capability index. Pure functions.

Nothing here reads a clock, a file or a store, and nothing outside the standard library is
imported but msgspec: the sizes are those of a calibration session or a cohort.
"""
