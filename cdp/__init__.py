"""Diptych: a customer-data platform that keeps the buyer and the user of a product apart, and joined."""
