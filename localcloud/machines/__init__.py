"""Instances as machines: Debian booted with systemd at the instance's address, in networks of real packets that are those of its VPC.

A file (plan.py) says which instances are machines; the others stay what localcloud/dataplane/hosts.py makes of them. State Manager's
documents are carried out on a machine as the agent carries them out. The machines themselves are the package `machines` beside this
one; they live in namespaces of one process, and end with it however it ends.
"""
