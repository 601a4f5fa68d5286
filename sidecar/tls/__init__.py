"""Who we are towards FinHub, and whom we trust: the client identity and the TLS contexts made from it."""
