"""Machines: Debian booted with systemd, in a network of their own, on which host roles are tested and instances of the local cloud run.

Containers (systemd-nspawn) start in seconds. What containers cannot show, such as a kernel that mounts NFS, runs on User-Mode Linux: a
real kernel as a process, which needs no virtualisation. Everything lives in namespaces of one run (isolated.py), so that nothing
outlives it, however it ends.
"""
