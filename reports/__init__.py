"""What is computed from stored numbers: statistics now; board, impact and stories later."""
