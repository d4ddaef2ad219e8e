"""Ways to a machine: what a host is to a transport, and the transports by name."""
