# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What of the requirements is data. The defaults are those of the requirements' text; zones have none."""

DEFAULTS = {
    "prefix": "lks",
    "tags": ["Name", "Project", "Component", "ManagedBy"],
    "zone_tag": "Zone",
    "role": "LabRole",
    "instance_profile": "LabInstanceProfile",
    "ubuntu_minimum": "20.04",
    "node_minimum": 18,
    "node_newest": "nodejs24.x",
    "availability_zones": ["a", "b"],
    "subnet_hosts": 200,
    "group_limits": {"home": 5, "away": 2},
    "nat_type": "t2.micro",
    "worker_type": "t2.large",
    "worker_port": 11434,
    "worker_per_availability_zone": 1,
    "kinds": [
        {"name": "scoring", "paths": ["/api/generate", "/api/generate/anything"]},
        {"name": "chat", "paths": ["/api/chat", "/api/chat/anything"]},
        {"name": "llm", "paths": ["/api/tags", "/api/embed", "/api/embeddings", "/api/pull", "/api/chatter"]},
    ],
    "document": "AWS-ApplyAnsiblePlaybooks",
    "nat_playbook": "nat.yml",
    "worker_playbook": "worker.yml",
    "models_playbook": "models_check.yml",
    "pull_playbook": "models.yml",
    "models": ["orca-mini", "llama3", "nomic-embed-text"],
    "dimensions": 768,
    "balancer_port": 80,
    "root_body": "its Worked!",
    "health_path": "/api/tags",
    "idle_seconds": 300,
    "database_port": 5432,
    "database_classes": ["db.t3.micro", "db.t4g.micro"],
    "database_version": "15.2",
    "function_variables": ["DB_USER", "DB_PASSWORD", "DB_HOST", "DB_PORT", "DB_NAME"],
    "migration_function": "lks-conversations-migrate",
    "backend_path": "/api",
    "pool_attributes": ["name", "email"],
    "client_flows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
    "client_source": False,
    "api_endpoint": "https://{id}.execute-api.{region}.amazonaws.com/{stage}",
    "volume_gib": 30,
    "conversation_paths": {
        "/conversations/{uid}": ["GET", "POST", "DELETE"],
        "/conversations/{uid}/{id}": ["GET", "PUT", "DELETE"],
    },
}


class ExpectationError(ValueError):
    pass


def complete(given):
    """The expectations with their defaults. zones: [{name, region, cidr, home, and groups, a list of names, where they are planned}]."""
    unknown = sorted(set(given) - set(DEFAULTS) - {"zones"})
    if unknown:
        raise ExpectationError(
            f"unknown expectations: {', '.join(unknown)}; known are zones, {', '.join(sorted(DEFAULTS))}"
        )
    zones = given.get("zones") or []
    for zone in zones:
        missing = [key for key in ("name", "region", "cidr") if not zone.get(key)]
        if missing:
            raise ExpectationError(f"a zone lacks {', '.join(missing)}: {zone}")
    if sum(bool(zone.get("home")) for zone in zones) != 1:
        raise ExpectationError("zones must have exactly one zone with home: true")
    return {**DEFAULTS, **given, "zones": [{"groups": None, "home": False, **zone} for zone in zones]}
