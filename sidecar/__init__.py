"""FinHub sidecar: a local authenticating reverse proxy for programs that cannot log in by themselves."""

__version__ = "0.1.0"
