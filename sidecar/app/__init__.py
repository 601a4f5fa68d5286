"""The assembly: the parts of one sidecar, built from its configuration in the order in which a request meets them."""
