"""What an experiment shows."""
