"""What an experiment is and who gets which variant: what tools, collector and reports agree on."""
