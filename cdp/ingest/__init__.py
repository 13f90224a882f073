"""The way of an event in: decode and validate, accumulate, one transaction."""
