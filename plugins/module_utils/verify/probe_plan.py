# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What of a system can be probed, as its snapshot tells: whom to ask, by which way, or why not."""

from ansible_collections.lks.llm.plugins.module_utils.probing.hosts import shell_question
from ansible_collections.lks.llm.plugins.module_utils.verify.judging import NotJudged, NotSeen
from ansible_collections.lks.llm.plugins.module_utils.verify.workers import own_associations

POOL_KEYS = ("Id", "UsernameAttributes", "SchemaAttributes", "Policies")


def api(system):
    stages = [each["stageName"] for each in system.api["stages"]]
    if not stages:
        raise NotJudged("the API has no stage")
    url = system.expected["api_endpoint"].format(id=system.api["id"], region=system.home.region, stage=stages[0])
    return {"url": url}


def user(system):
    if system.pool_client.get("HasSecret"):
        raise NotJudged("the user pool's client has a secret")
    pool = {key: system.pool[key] for key in POOL_KEYS if key in system.pool}
    return {"pool": pool, "client_id": system.pool_client["ClientId"], "region": system.home.region}


def workers(system, zone):
    """By the document that checks the models, as State Manager applies it; where there is none, by a shell."""
    running = [each["InstanceId"] for each in zone.some_workers() if each["State"]["Name"] == "running"]
    if not running:
        raise NotJudged(f"no worker of {zone.name} runs")
    question = shell_question(system.expected["worker_port"])
    for each in own_associations(system, zone, [system.expected["models_playbook"]]):
        question = (each["Name"], each["Parameters"])
    return {"zone": zone.name, "region": zone.region, "question": list(question), "instances": sorted(running)}


def database(system):
    wanted = system.expected["migration_function"]
    if not any(each["FunctionName"] == wanted for each in system.home.part("functions")):
        raise NotJudged(f"there is no function {wanted}, which can tell from inside the network")
    return {"function": wanted, "region": system.home.region}


def attempt(part, *arguments):
    try:
        return part(*arguments)
    except (NotJudged, NotSeen) as e:
        return {"why": str(e)}


def plan(system):
    """{"api", "user", "zones", "workers", "database"}; a part that cannot be probed is {"why": …}."""
    return {
        "api": attempt(api, system),
        "user": attempt(user, system),
        "zones": [{"name": zone.name, "path": f"/{zone.region}"} for zone in system.zones],
        "workers": [{"zone": zone.name, **attempt(workers, system, zone)} for zone in system.zones],
        "database": attempt(database, system),
    }


def choose_areas(found, areas):
    """The plan without what only areas that were not chosen (all when None) would judge."""
    not_chosen = {"why": "its area was not chosen"}
    if areas is None:
        return found
    workers = found["workers"]
    return {
        **found,
        "api": found["api"] if {"api", "function", "sign_in"} & set(areas) else not_chosen,
        "workers": workers if "workers" in areas else [{"zone": each["zone"], **not_chosen} for each in workers],
        "database": found["database"] if "database" in areas else not_chosen,
    }
