"""A FinHub and a sidecar on this machine, and a caller that knows of neither token nor certificate."""
