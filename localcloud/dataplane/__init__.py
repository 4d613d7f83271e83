"""The data plane: what answers the requests of users, driven by the control plane's state alone."""
