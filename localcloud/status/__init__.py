"""A page that shows what was built on the local cloud and how it fares, from what the control plane describes to anybody who asks.

described.py reads; nodes.py, balancing.py, links.py, sign_in.py and reports.py make data of it; state.py puts that together; serving.py
serves it, with the files of page/, which draw it.
"""
