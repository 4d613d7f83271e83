# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Workers: kinds and counts, State Manager, models (W-1 to W-5)."""

from ansible_collections.lks.llm.plugins.module_utils.verify.judging import Check, Finding, NotJudged
from ansible_collections.lks.llm.plugins.module_utils.verify.system import name_of, tags_of


def counts(system, zone):
    """W-1. The backup of a worker is in another availability zone."""
    if not zone.vpc:
        return
    for kind in system.expected["kinds"]:
        wanted = int(kind.get("per_availability_zone", system.expected["worker_per_availability_zone"]))
        for letter in system.expected["availability_zones"]:
            place = zone.region + letter
            there = [
                worker
                for worker in zone.workers
                if zone.kind_of(worker) == kind["name"] and worker["Placement"]["AvailabilityZone"] == place
            ]
            running = [worker for worker in there if worker["State"]["Name"] in ("running", "pending")]
            if len(running) < wanted:
                stopped = [worker["InstanceId"] for worker in there if worker not in running]
                yield Finding(
                    f"{len(running)} {kind['name']} worker{'s' * (len(running) != 1)} in {place}"
                    + (f", stopped: {', '.join(stopped)}" if stopped else ""),
                    ", ".join(stopped) or zone.vpc_id,
                    expected=f"{wanted}",
                    missing=not stopped,
                )
            elif len(running) > wanted:
                yield Finding(
                    f"{len(running)} {kind['name']} workers in {place}",
                    ", ".join(sorted(each["InstanceId"] for each in running)),
                    expected=f"{wanted}",
                )


def types(system, zone):
    """W-1"""
    wanted = {
        kind["name"]: kind.get("instance_type", system.expected["worker_type"]) for kind in system.expected["kinds"]
    }
    for worker in zone.some_workers():
        expected = wanted.get(zone.kind_of(worker), system.expected["worker_type"])
        if worker["InstanceType"] != expected:
            yield Finding(f"{name_of(worker)} is a {worker['InstanceType']}", worker["InstanceId"], expected=expected)


def strangers(system, zone):
    """W-1"""
    for worker in zone.some_workers():
        if zone.kind_of(worker) is None:
            yield Finding(f"{name_of(worker) or 'an instance'} is a worker of no kind", worker["InstanceId"])


def private(system, zone):
    """W-1"""
    for worker in zone.some_workers():
        if worker.get("SubnetId") not in zone.private_ids:
            yield Finding(f"{name_of(worker)} is not in a private subnet", worker["InstanceId"])
        if worker.get("PublicIpAddress"):
            yield Finding(f"{name_of(worker)} has the public address {worker['PublicIpAddress']}", worker["InstanceId"])


def own_associations(system, zone, playbooks):
    return [
        each
        for each in zone.part("associations")
        if each.get("Name") == system.expected["document"]
        and each.get("Parameters", {}).get("PlaybookFile", [""])[0] in playbooks
    ]


def targeted(association, instance):
    """Whether one of the association's tag targets names the instance."""
    tags = tags_of(instance)
    return any(
        target["Key"].startswith("tag:") and tags.get(target["Key"].removeprefix("tag:")) in target.get("Values", [])
        for target in association.get("Targets", [])
    )


def associations(system, zone):
    """W-2"""
    if not zone.instances:
        raise NotJudged(f"{zone.name} has no instances")
    pairs = [(zone.nat_or_none, system.expected["nat_playbook"])] if zone.nat_or_none else []
    pairs += [(worker, system.expected["worker_playbook"]) for worker in zone.workers]
    for instance, playbook in pairs:
        chosen = own_associations(system, zone, [playbook])
        if not any(targeted(each, instance) for each in chosen):
            yield Finding(
                f"no association applies {playbook} to {name_of(instance)} by its tags",
                instance["InstanceId"],
                missing=not chosen,
            )


def all_playbooks(system):
    return [system.expected[key] for key in ("nat_playbook", "worker_playbook", "models_playbook", "pull_playbook")]


def by_tags_from_s3(system, zone):
    """W-2"""
    found = own_associations(system, zone, all_playbooks(system))
    if not found:
        raise NotJudged(f"{zone.name} has no associations")
    for each in found:
        name, identity = each.get("AssociationName") or each["AssociationId"], each["AssociationId"]
        others = [target["Key"] for target in each.get("Targets", []) if not target["Key"].startswith("tag:")]
        if others or not each.get("Targets"):
            yield Finding(f"{name} is targeted by {', '.join(others) or 'nothing'}", identity, expected="tags alone")
        if each.get("Parameters", {}).get("SourceType") != ["S3"]:
            yield Finding(
                f"{name} takes its playbooks from {each.get('Parameters', {}).get('SourceType', ['nowhere'])[0]}",
                identity,
                expected="S3",
            )


def bundle(system, zone):
    """W-2. What an association points at is there, or no new instance could be configured."""
    keys = {
        f"{bucket['Name']}/{key}": True for _region, bucket in system.everywhere("buckets") for key in bucket["Keys"]
    }
    names = {bucket["Name"] for _region, bucket in system.everywhere("buckets")}
    found = own_associations(system, zone, all_playbooks(system))
    if not found:
        raise NotJudged(f"{zone.name} has no associations")
    for each in found:
        source = " ".join(each["Parameters"].get("SourceInfo", []))
        mentioned = next((name for name in names if f"//{name}.s3" in source or f"/{name}/" in source), None)
        if mentioned is None or not any(
            key.split("/", 1)[1] in source for key in keys if key.startswith(mentioned + "/")
        ):
            yield Finding(
                f"{each.get('AssociationName') or each['AssociationId']} points at a bundle that is not there: {source}",
                each["AssociationId"],
            )


def results(system, zone, playbook):
    """Findings for workers on which this playbook has not ended well."""
    found = zone.results(playbook)
    for worker in zone.some_workers():
        status = found.get(worker["InstanceId"])
        if status is None:
            yield Finding(
                f"State Manager has not applied {playbook} to {name_of(worker)}", worker["InstanceId"], missing=True
            )
        elif status[1] != "Success":
            yield Finding(
                f"{status[0].get('AssociationName')} ended on {name_of(worker)} with {status[1]}", worker["InstanceId"]
            )


def models(system, zone):
    """W-4. The playbook asks the worker itself, over /api/tags, and fails where a model of the list is missing."""
    yield from results(system, zone, system.expected["models_playbook"])


def one_puller(system):
    """W-3. A model is pulled once, by one worker, onto the store that all share."""
    playbook = system.expected["pull_playbook"]
    pulled: list = []
    system.home.some_workers()
    for zone in system.zones:
        if zone.vpc_or_none:
            pulled += [(zone, instance, status) for instance, status in zone.results(playbook).items()]
    if not pulled:
        yield Finding(f"no worker has applied {playbook}, which pulls the models", system.home.name, missing=True)
    if len(pulled) > 1:
        yield Finding(
            "models are pulled by more than one worker",
            ", ".join(sorted(instance for _zone, instance, _status in pulled)),
        )
    for zone, instance, (association, status) in pulled:
        if status != "Success":
            yield Finding(
                f"{association.get('AssociationName')}, which pulls the models, ended with {status}",
                instance,
                zone.region,
            )


def healthy(system, zone):
    """W-5. The ALB asks every worker for its models, and takes 200 alone for an answer."""
    if not zone.alb:
        return
    zone.some_workers()
    states: dict = {}
    for group in zone.inside("target_groups"):
        if group.get("TargetType") == "instance":
            for each in group["TargetHealthDescriptions"]:
                states.setdefault(each["Target"]["Id"], (group, each["TargetHealth"]))
    for worker in zone.workers:
        group, health = states.get(worker["InstanceId"], (None, {}))
        if group and health.get("State") not in ("healthy", "initial", "unused"):
            why = health.get("Description") or health.get("Reason") or ""
            yield Finding(f"{name_of(worker)} is {health.get('State')} {why}".strip(), worker["InstanceId"])


RERUN = "Run {playbook}."
OUTPUT = "Look at the association's output in the bundle's bucket, mend what it says, run {playbook}."
CHECKS = [
    Check(
        "W-1.counts",
        "Workers of every kind",
        counts,
        "one running worker of each kind in each of two availability zones",
        RERUN,
        4,
        zones=True,
        makes="workers of every kind",
    ),
    Check("W-1.types", "Their type", types, "t2.large", "Terminate the worker and run {playbook}.", 1, zones=True),
    Check(
        "W-1.kinds",
        "No workers of no kind",
        strangers,
        "a kind for every instance",
        "Terminate the instance, or tag it with its Kind.",
        1,
        zones=True,
    ),
    Check(
        "W-1.private",
        "In private subnets",
        private,
        "a private subnet and no public address",
        "Terminate the worker and run {playbook}.",
        zones=True,
    ),
    Check(
        "W-2.associations",
        "An association for every host",
        associations,
        "an association that reaches the host by its tags",
        RERUN,
        zones=True,
        makes="associations",
    ),
    Check(
        "W-2.source",
        "Targets by tags, source in S3",
        by_tags_from_s3,
        "tag targets alone, a zip in S3",
        RERUN,
        1,
        zones=True,
    ),
    Check("W-2.bundle", "The bundle is there", bundle, "the object that the association names", RERUN, 1, zones=True),
    Check(
        "W-3.pulled",
        "Models are pulled once",
        one_puller,
        "one worker that has pulled them",
        OUTPUT,
        makes="models on the store",
    ),
    Check(
        "W-4.models",
        "Every worker lists the models",
        models,
        "the check of the models ended with Success on every worker",
        OUTPUT,
        4,
        zones=True,
    ),
    Check(
        "W-5.healthy",
        "Every worker answers",
        healthy,
        "healthy in its target group",
        "See why the worker does not answer: its association's output, its group, its playbook.",
        zones=True,
    ),
]
