# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""The requirements that are verified, by number. docs/requirements.md tells them in full."""

# Area: its title and the letter of its requirements.
AREAS = {
    "general": ("General", "G"),
    "network": ("Network", "N"),
    "storage": ("Storage", "S"),
    "security_groups": ("Security groups", "X"),
    "workers": ("Workers", "W"),
    "balancing": ("Load balancing", "L"),
    "database": ("Database", "D"),
    "function": ("Conversation function", "F"),
    "api": ("API", "A"),
    "sign_in": ("Sign-in and client", "C"),
    "operations": ("Operations", "O"),
}

REQUIREMENTS = {
    "G-1": "Regions are the zones' regions",
    "G-2": "The account's role and instance profile, no IAM of our own",
    "G-3": "Every name starts with the prefix",
    "G-4": "Everything is tagged and described",
    "G-5": "Ubuntu on every instance",
    "G-6": "No SSH: no key pair, no port 22",
    "G-7": "Nothing is left behind",
    "G-8": "Functions are JavaScript on Node.js",
    "G-9": "As secure as the design allows, at the least cost",
    "N-1": "One VPC a zone, with its CIDR",
    "N-2": "Three subnets a zone, computed from its CIDR",
    "N-3": "Exactly two route tables a VPC, one public, one private",
    "N-4": "All VPCs are peered and routed both ways",
    "N-5": "Private subnets reach the internet through a NAT instance",
    "N-6": "CIDRs neither overlap nor are too small to be cut",
    "S-1": "One encrypted file system with backups, in the home zone",
    "S-2": "Mounted on every worker of every zone",
    "S-3": "NFS from workers only",
    "X-1": "Database: from the function only",
    "X-2": "Workers: from the load balancer only",
    "X-3": "Load balancer: port 80, from where API traffic comes only",
    "X-4": "NAT: for its zone's private subnets only",
    "X-5": "Store: NFS and nothing else",
    "X-6": "No inbound rule for everybody, outbound narrowed",
    "X-7": "No more security groups than the budget",
    "W-1": "Workers of every kind, in two availability zones",
    "W-2": "State Manager configures every host",
    "W-3": "One store of models for all workers",
    "W-4": "Every worker lists the same models",
    "W-5": "Workers answer GET /api/tags with 200",
    "L-1": "An internal ALB a zone, which says that it works",
    "L-2": "Paths lead to the kind of worker that is meant for them",
    "L-3": "Health checks, and a backup for every worker",
    "L-4": "Idle timeouts that a slow model does not exceed",
    "L-5": "An internal NLB a zone, which leads to its ALB",
    "D-1": "PostgreSQL with pgvector: private, encrypted, TLS, backups",
    "F-1": "The function is configured by DB_*",
    "F-2": "The function works and the API may call it",
    "F-3": "The function is told who calls",
    "A-1": "A regional REST API behind a Cognito authorizer",
    "A-2": "Paths of conversations",
    "A-3": "A path for each zone, to its load balancer",
    "A-4": "Answers stream and are not cut off",
    "A-5": "Browsers of other origins can use it",
    "C-1": "Users sign in by e-mail, with one factor",
    "C-2": "Users sign up by themselves and are confirmed",
    "C-3": "The client app, told what was deployed",
    "O-1": "Logs, alarms and a dashboard",
    "O-2": "Everything could be looked at",
    "O-3": "Nothing is half made or made twice",
}


def area_of(requirement):
    letter = requirement.split("-")[0]
    return next(area for area, (_title, of_area) in AREAS.items() if of_area == letter)
