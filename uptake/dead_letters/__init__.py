"""Dead letters: found, shown, and replayed when what was wrong is mended."""
