"""The wire: what every connection to FinHub has in common, whoever opens it."""
