"""A small system for the data plane: two peered zones, balancers in both, instances that run a tiny server."""
