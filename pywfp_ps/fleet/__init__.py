"""The fleet: inventory, secrets, fan-out and the outcome of every host."""
