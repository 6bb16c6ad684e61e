"""Rubrics: what raters look for, level by level, in words that two people can agree on."""
