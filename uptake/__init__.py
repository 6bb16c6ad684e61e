"""The command line, and everything that runs Uptake on one machine."""
