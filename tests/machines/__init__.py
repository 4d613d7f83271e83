"""Runs the scenarios of molecule/ on machines (../../machines), and sees that nothing is left of runs that are interrupted."""
