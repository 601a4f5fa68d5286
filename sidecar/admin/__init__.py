"""Its own listener: probes and metrics for anybody, status and controls for the operator of this machine."""
