"""HTTP beside GraphQL: the tracking API, health, metrics, and what all requests share."""
