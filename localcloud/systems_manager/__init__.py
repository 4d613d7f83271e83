"""Systems Manager beyond moto's: managed documents, managed instances, State Manager's associations, and how they are applied.

The API's operations, which read and write this, are in localcloud/services/ssm.py.
"""
