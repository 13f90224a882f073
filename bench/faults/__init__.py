"""Random kills under load."""
