"""Independent recounts of every indicator, to compare the pipeline with."""
