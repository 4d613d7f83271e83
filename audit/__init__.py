"""Strangers' checks, run on what was deployed: Prowler's, and policies of Cloud Custodian's. Both look at the whole account; what is kept is
what they find on our resources. Each finding of high or critical severity has an answer in answers.yml, or the audit fails.
"""
