"""An embedded local cloud: moto's server, extended with what it lacks, and as strict as AWS.

python -m localcloud start      # 127.0.0.1:4566, until stop
AWS_ENDPOINT_URL=http://127.0.0.1:4566 aws ec2 describe-vpcs
"""

ACCOUNT = "123456789012"
MACHINES = "LOCALCLOUD_MACHINES"  # environment variable: names the file that says which instances are machines; none are without it
