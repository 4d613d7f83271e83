# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Whether what was deployed is what the requirements ask for: a snapshot and expectations in, results out. It makes no call.

requirements   the requirements, by number, and their areas
expectations   what of them is data: prefix, zones, kinds of workers, models, …
system         the snapshot, asked the way the checks ask: the zone's VPC, its balancer, its workers
judging        what a check, a finding and a result are, and how checks become results
general, network, storage, security_groups, workers, balancing, database, function, api, sign_in, operations
               the checks of one area each: small functions, and the table CHECKS at the end
reach          checks of several areas that ask who can reach whom
catalogue      all checks together
report_*       results as text, JUnit XML, and a page with a picture
"""
