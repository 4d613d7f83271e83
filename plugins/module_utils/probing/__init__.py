# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Asking a deployed service what descriptions cannot show, and writing down what it answered. Nothing here judges: verify.live does.

What is written down is JSON::

    {"taken": "2026-01-31T12:00:00+00:00", "seconds": 4.2,
     "not_probed": {subject: reason},     # subjects: all, api, user, "workers zone-a", database, "models zone-a"
     "requests": [{"name", "zone", "method", "path", "signed": false, "status": 200, "headers": {lower-case name: value},
                   "body": parsed JSON, or text, "first_byte": seconds, "seconds", "error": why there is no answer}],
     "user": {"name", "error": why it cannot sign in, "left": [names of users that could not be removed], "left_why"},
     "workers": [{"zone", "region", "instance", "status", "models": ["name@digest"], "output"}],
     "database": {"encrypted": {"protocol", "cipher", "authorized"}, "plain": "refused" | "accepted", "error"}}

Some have more: what a preflight wanted, which model was asked, what was sent. A streamed answer has instead of a body: "lines" (their
number), "garbled" (of these, no JSON), "last" (the last line), "text" (what the lines said together), "last_byte" (seconds), and first_byte
is the first line's. Neither tokens nor passwords are written down.
"""
