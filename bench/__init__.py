"""Measures the sidecar beside its neighbours, on the same work: `python -m bench`, from the root of the repository."""
