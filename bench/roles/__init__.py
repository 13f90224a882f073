"""Role resolution against a withheld answer."""
