"""Its own listener: probes for anybody, status and controls for the operator of this machine."""
