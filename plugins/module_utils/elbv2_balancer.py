# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""A load balancer with its listeners and rules, brought to what is asked for.

C(wanted) is what a module makes of its parameters: name, type (application or network), scheme, mappings
[{subnet_id, private_ipv4_address or None}], security_groups (list or None), attributes, listeners, tags, purge_tags.
"""

from ansible.module_utils.common.dict_transformations import camel_dict_to_snake_dict
from ansible_collections.amazon.aws.plugins.module_utils.exceptions import is_ansible_aws_error_code
from ansible_collections.amazon.aws.plugins.module_utils.tagging import boto3_tag_list_to_ansible_dict
from ansible_collections.lks.llm.plugins.module_utils.elbv2 import (
    Elbv2Error,
    Elbv2ErrorHandler,
    apply_tags,
    attribute_list,
    describe_tags,
    diff_attributes,
    find_load_balancer,
    normalise_attributes,
    paginate,
    tag_list,
    target_group_arns,
    wait_for_load_balancer,
)
from ansible_collections.lks.llm.plugins.module_utils.elbv2_listeners import (
    build_action,
    build_conditions,
    current_listener,
    desired_listener,
    diff_listeners,
    forwarded_groups,
    plan_rules,
)
from ansible_collections.lks.llm.plugins.module_utils.tags import plan_tags

UNDELETABLE = {
    "OperationNotPermitted": "it is protected; set its attribute deletion_protection.enabled to false",
    "ResourceInUse": "a VPC link or another service uses it; delete that first",
}


def create_load_balancer(client, request):
    return call(client, "create_load_balancer", f"create load balancer {request['Name']}", **request)["LoadBalancers"][
        0
    ]


@Elbv2ErrorHandler.deletion_error_handler("delete the load balancer")
def delete_load_balancer(client, arn):
    client.delete_load_balancer(LoadBalancerArn=arn, aws_retry=True)
    return True


@Elbv2ErrorHandler.common_error_handler("set the subnets of the load balancer")
def set_subnets(client, arn, request):
    client.set_subnets(LoadBalancerArn=arn, aws_retry=True, **request)


@Elbv2ErrorHandler.common_error_handler("set the security groups of the load balancer")
def set_security_groups(client, arn, groups):
    client.set_security_groups(LoadBalancerArn=arn, SecurityGroups=groups, aws_retry=True)


@Elbv2ErrorHandler.common_error_handler("read the attributes of the load balancer")
def read_attributes(client, arn):
    answer = client.describe_load_balancer_attributes(LoadBalancerArn=arn, aws_retry=True)
    return boto3_tag_list_to_ansible_dict(answer["Attributes"])


@Elbv2ErrorHandler.common_error_handler("set attributes of the load balancer")
def set_attributes(client, arn, attributes):
    client.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=attribute_list(attributes), aws_retry=True)


@Elbv2ErrorHandler.common_error_handler("list the listeners")
def list_listeners(client, arn):
    return paginate(client, "describe_listeners", LoadBalancerArn=arn)["Listeners"]


@Elbv2ErrorHandler.common_error_handler("list the rules of the listener")
def list_rules(client, listener_arn):
    return paginate(client, "describe_rules", ListenerArn=listener_arn)["Rules"]


@Elbv2ErrorHandler.common_error_handler("read the attributes of the listener")
def read_listener_attributes(client, arn):
    answer = client.describe_listener_attributes(ListenerArn=arn, aws_retry=True)
    return boto3_tag_list_to_ansible_dict(answer["Attributes"])


@Elbv2ErrorHandler.common_error_handler("set attributes of the listener")
def set_listener_attributes(client, arn, attributes):
    client.modify_listener_attributes(ListenerArn=arn, Attributes=attribute_list(attributes), aws_retry=True)


def call(client, operation, what, **params):
    @Elbv2ErrorHandler.common_error_handler(what)
    def run():
        return getattr(client, operation)(aws_retry=True, **params)

    return run()


def build_mappings(mappings):
    """AWS's form: plain subnets unless an address is fixed."""
    if not any(mapping["private_ipv4_address"] for mapping in mappings):
        return {"Subnets": [mapping["subnet_id"] for mapping in mappings]}
    return {
        "SubnetMappings": [
            {"SubnetId": mapping["subnet_id"]}
            | ({"PrivateIPv4Address": mapping["private_ipv4_address"]} if mapping["private_ipv4_address"] else {})
            for mapping in mappings
        ]
    }


def build_request(wanted):
    request = {"Name": wanted["name"], "Type": wanted["type"], "Scheme": wanted["scheme"]}
    request.update(build_mappings(wanted["mappings"]))
    if wanted["security_groups"]:
        request["SecurityGroups"] = wanted["security_groups"]
    if wanted["tags"]:
        request["Tags"] = tag_list(wanted["tags"])
    return request


def current_mappings(balancer):
    """{subnet: fixed address or None}; AWS lists an address only where one was chosen."""
    result = {}
    for zone in balancer.get("AvailabilityZones", []):
        addresses = [a.get("PrivateIPv4Address") for a in zone.get("LoadBalancerAddresses") or []]
        result[zone["SubnetId"]] = next((address for address in addresses if address), None)
    return result


def diff_mappings(balancer, mappings):
    """Before and after of the subnets, empty when they are as asked for. An address that stays in its subnet cannot be changed."""
    have = current_mappings(balancer)
    want = {mapping["subnet_id"]: mapping["private_ipv4_address"] for mapping in mappings}
    for subnet, address in want.items():
        if address and subnet in have and have[subnet] != address:
            raise Elbv2Error(
                message=f"Load balancer {balancer['LoadBalancerName']} has the address {have[subnet] or 'that AWS chose'} in {subnet}, "
                f"which AWS cannot change to {address}; delete the load balancer first, or leave its address as it is"
            )
    if set(have) == set(want):
        return {}, {}
    return {"subnets": sorted(have)}, {"subnets": sorted(want)}


def check_fixed(balancer, wanted):
    """AWS changes neither a load balancer's type nor its scheme."""
    for key, option in (("Type", "type"), ("Scheme", "scheme")):
        if balancer.get(key) != wanted[option]:
            raise Elbv2Error(
                message=f"Load balancer {wanted['name']} exists with {option} {balancer.get(key)}, which AWS cannot change to "
                f"{wanted[option]}; delete it first, or choose another name"
            )


class Balancer:
    """One load balancer on its way to what is wanted: applies each step, unless in check mode, and keeps before and after."""

    def __init__(self, client, wanted, check_mode):
        self.client = client
        self.wanted = wanted
        self.check_mode = check_mode
        self.before, self.after = {}, {}
        self.changed = False
        self._group_arns = {}

    def note(self, key, before, after):
        self.changed = True
        self.before[key], self.after[key] = before, after

    def apply(self, function, *arguments):
        """Runs a mutating step; None in check mode."""
        return None if self.check_mode else function(self.client, *arguments)

    def action(self, action):
        """AWS's form of an action; target groups are looked up once, and only when something is written."""
        names = [action["target_group_name"]] if action["type"] == "forward" else []
        missing = [name for name in names if name not in self._group_arns]
        if missing:
            self._group_arns.update(target_group_arns(self.client, missing, self.check_mode))
        return build_action(action, self._group_arns)

    # The load balancer itself

    def ensure(self):
        balancer = find_load_balancer(self.client, self.wanted["name"])
        if balancer is None:
            return self.create()
        check_fixed(balancer, self.wanted)
        return self.update(balancer)

    def create(self):
        wanted = self.wanted
        desired = [desired_listener(item, wanted["tags"]) for item in wanted["listeners"] or []]
        # A missing target group is told of before anything is created.
        self._group_arns = target_group_arns(self.client, forwarded_groups(desired), self.check_mode)
        request = build_request(wanted)
        self.changed = True
        self.before = {}
        self.after = {key: wanted[key] for key in ("name", "type", "scheme", "attributes", "listeners", "tags")}
        self.after["subnets"] = [mapping["subnet_id"] for mapping in wanted["mappings"]]
        attributes = normalise_attributes(wanted["attributes"])
        balancer = {"LoadBalancerName": wanted["name"], "LoadBalancerArn": "", "DNSName": "", "State": {}}
        balancer.update({"Type": wanted["type"], "Scheme": wanted["scheme"]})
        if not self.check_mode:
            balancer = create_load_balancer(self.client, request)
            if attributes:
                set_attributes(self.client, balancer["LoadBalancerArn"], attributes)
        listeners = [self.create_listener(balancer["LoadBalancerArn"], item) for item in desired]
        return balancer, attributes, wanted["tags"] or {}, listeners

    def update(self, balancer):
        wanted, arn = self.wanted, balancer["LoadBalancerArn"]
        before, after = diff_mappings(balancer, wanted["mappings"])
        if before:
            self.note("subnets", before["subnets"], after["subnets"])
            self.apply(set_subnets, arn, build_mappings(wanted["mappings"]))
        groups = wanted["security_groups"]
        if groups is not None and set(balancer.get("SecurityGroups") or []) != set(groups):
            self.note("security_groups", sorted(balancer.get("SecurityGroups") or []), sorted(groups))
            self.apply(set_security_groups, arn, groups)
            balancer = {**balancer, "SecurityGroups": groups}
        attributes = {}
        if wanted["attributes"]:
            attributes = read_attributes(self.client, arn)
            differing = diff_attributes(attributes, wanted["attributes"])
            if differing:
                self.note("attributes", {key: attributes.get(key) for key in differing}, differing)
                self.apply(set_attributes, arn, differing)
                attributes.update(differing)
        listeners = list_listeners(self.client, arn) if wanted["listeners"] is not None else []
        rules = {item["ListenerArn"]: self.rules_of(item) for item in listeners}
        tags = self.tags_of(arn, listeners, rules)
        own = self.ensure_tags("tags", arn, tags.get(arn, {}), wanted["tags"])
        have = [current_listener(item, rules[item["ListenerArn"]], tags) for item in listeners]
        return balancer, attributes, own, self.ensure_listeners(arn, have)

    def rules_of(self, listener):
        """Network load balancers have no rules but the default one."""
        return list_rules(self.client, listener["ListenerArn"]) if self.wanted["type"] == "application" else []

    def tags_of(self, arn, listeners, rules):
        arns = [arn, *(item["ListenerArn"] for item in listeners)]
        arns += [rule["RuleArn"] for each in rules.values() for rule in each if not rule.get("IsDefault")]
        return describe_tags(self.client, arns)

    def ensure_tags(self, key, arn, current, desired):
        to_set, to_remove, after = plan_tags(current, desired, self.wanted["purge_tags"])
        if to_set or to_remove:
            self.note(key, current, after)
            self.apply(apply_tags, arn, to_set, to_remove)
        return after

    # Listeners

    def ensure_listeners(self, arn, have):
        if self.wanted["listeners"] is None:
            return have
        desired = [desired_listener(item, self.wanted["tags"]) for item in self.wanted["listeners"]]
        plan = diff_listeners(have, desired)
        # A port that is no longer wanted goes first: a listener for another protocol may come in its place.
        for listener in plan["delete"]:
            self.note(f"listener {listener['port']}", listener, {})
            self.apply(delete_listener, listener)
        result = [self.update_listener(current, item) for current, item in plan["both"]]
        for item in plan["create"]:
            self.note(f"listener {item['port']}", {}, item)
            result.append(self.create_listener(arn, item))
        return sorted(result, key=lambda listener: listener["port"])

    def create_listener(self, balancer_arn, listener):
        action = self.action(listener["default_action"])
        arn = ""
        if not self.check_mode:
            request = {"Port": listener["port"], "Protocol": listener["protocol"], "DefaultActions": [action]}
            if listener["tags"]:
                request["Tags"] = tag_list(listener["tags"])
            what = f"create the listener on port {listener['port']}"
            answer = call(self.client, "create_listener", what, LoadBalancerArn=balancer_arn, **request)
            arn = answer["Listeners"][0]["ListenerArn"]
            if listener["attributes"]:
                set_listener_attributes(self.client, arn, listener["attributes"])
        rules = [self.create_rule(arn, rule) for rule in listener["rules"]]
        return {**listener, "listener_arn": arn, "rules": rules, "tags": listener["tags"] or {}}

    def update_listener(self, current, listener):
        arn, port = current["listener_arn"], listener["port"]
        change = {}
        if current["protocol"] != listener["protocol"]:
            change["Protocol"] = listener["protocol"]
            self.note(f"listener {port} protocol", current["protocol"], listener["protocol"])
        if current["default_action"] != listener["default_action"]:
            change["DefaultActions"] = [self.action(listener["default_action"])]
            self.note(f"listener {port} default_action", current["default_action"], listener["default_action"])
        if change and not self.check_mode:
            call(self.client, "modify_listener", f"change the listener on port {port}", ListenerArn=arn, **change)
        if listener["attributes"]:
            attributes = read_listener_attributes(self.client, arn)
            differing = diff_attributes(attributes, listener["attributes"])
            if differing:
                self.note(f"listener {port} attributes", {key: attributes.get(key) for key in differing}, differing)
                self.apply(set_listener_attributes, arn, differing)
        tags = self.ensure_tags(f"listener {port} tags", arn, current["tags"], listener["tags"])
        rules = self.ensure_rules(current, listener)
        return {**listener, "listener_arn": arn, "tags": tags, "rules": rules}

    # Rules

    def ensure_rules(self, current, listener):
        arn, port = current["listener_arn"], listener["port"]
        plan = plan_rules(current["rules"], listener["rules"])
        result = []
        if plan["priorities"]:
            places = [{"RuleArn": rule, "Priority": number} for rule, number in sorted(plan["priorities"].items())]
            self.note(
                f"listener {port} priorities",
                {rule["rule_arn"]: rule["priority"] for rule in current["rules"]},
                {
                    rule["rule_arn"]: plan["priorities"].get(rule["rule_arn"], rule["priority"])
                    for rule in current["rules"]
                },
            )
            if not self.check_mode:
                call(self.client, "set_rule_priorities", "set the priorities of the rules", RulePriorities=places)
        for have, want in plan["modify"]:
            self.note(f"listener {port} rule {want['priority']}", shown(have), shown(want))
            action = self.action(want["action"])
            if not self.check_mode:
                call(
                    self.client,
                    "modify_rule",
                    f"change rule {want['priority']} of port {port}",
                    RuleArn=have["rule_arn"],
                    Conditions=build_conditions(want["conditions"]),
                    Actions=[action],
                )
        for have, want in plan["kept"] + plan["modify"]:
            key = f"listener {port} rule {want['priority']} tags"
            tags = self.ensure_tags(key, have["rule_arn"], have["tags"], want["tags"])
            result.append({**want, "rule_arn": have["rule_arn"], "tags": tags})
        for want in plan["create"]:
            self.note(f"listener {port} rule {want['priority']}", {}, shown(want))
            result.append(self.create_rule(arn, want))
        for have in plan["delete"]:
            self.note(f"listener {port} rule {have['priority']} removed", shown(have), {})
            if not self.check_mode:
                call(
                    self.client,
                    "delete_rule",
                    f"delete rule {have['priority']} of port {port}",
                    RuleArn=have["rule_arn"],
                )
        return sorted(result, key=lambda rule: rule["priority"])

    def create_rule(self, listener_arn, rule):
        action = self.action(rule["action"])
        arn = ""
        if not self.check_mode:
            request = {
                "ListenerArn": listener_arn,
                "Priority": rule["priority"],
                "Conditions": build_conditions(rule["conditions"]),
                "Actions": [action],
            }
            if rule["tags"]:
                request["Tags"] = tag_list(rule["tags"])
            answer = call(self.client, "create_rule", f"create the rule of priority {rule['priority']}", **request)
            arn = answer["Rules"][0]["RuleArn"]
        return {**rule, "rule_arn": arn, "tags": rule["tags"] or {}}


def delete_listener(client, listener):
    call(
        client,
        "delete_listener",
        f"delete the listener on port {listener['port']}",
        ListenerArn=listener["listener_arn"],
    )


def shown(rule):
    """What a diff shows of a rule."""
    return {key: rule[key] for key in ("conditions", "action")}


def normalise_balancer(balancer, attributes, tags, listeners):
    # One of AWS's keys, PrivateIPv4Address, does not survive the conversion.
    result = camel_dict_to_snake_dict({key: value for key, value in balancer.items() if key != "AvailabilityZones"})
    result["subnets"] = [
        {"subnet_id": subnet, "private_ipv4_address": address} for subnet, address in current_mappings(balancer).items()
    ]
    result["attributes"] = attributes
    result["tags"] = tags
    result["listeners"] = listeners
    return result


def ensure_present(client, module, wanted):
    work = Balancer(client, wanted, module.check_mode)
    balancer, attributes, tags, listeners = work.ensure()
    state = balancer.get("State", {}).get("Code")
    if module.params["wait"] and not module.check_mode and state != "active":
        arn = balancer["LoadBalancerArn"]
        wait_for_load_balancer(client, wanted["name"], arn, "load_balancer_active", module.params["wait_timeout"])
        balancer = {**balancer, "State": {"Code": "active"}}
    return {
        "changed": work.changed,
        "diff": {"before": work.before, "after": work.after},
        **normalise_balancer(balancer, attributes, tags, listeners),
    }


def ensure_absent(client, module, balancer_type):
    name = module.params["name"]
    balancer = find_load_balancer(client, name)
    if balancer is None:
        return {"changed": False, "diff": {"before": {}, "after": {}}}
    arn = balancer["LoadBalancerArn"]
    if balancer.get("Type") != balancer_type:
        raise Elbv2Error(
            message=f"Load balancer {name} is of type {balancer.get('Type')}, not {balancer_type}; it is left alone"
        )
    if not module.check_mode:
        try:
            # Its listeners and rules go with it. To delete them one by one is refused while a target group holds the balancer as target.
            delete_load_balancer(client, arn)
        except is_ansible_aws_error_code(list(UNDELETABLE)) as e:
            code = e.exception.response["Error"]["Code"]
            raise Elbv2Error(
                message=f"Load balancer {name} cannot be deleted: {UNDELETABLE[code]}", exception=e.exception
            ) from e
        if module.params["wait"]:
            wait_for_load_balancer(client, name, arn, "load_balancer_deleted", module.params["wait_timeout"])
    return {"changed": True, "diff": {"before": {"name": name, "load_balancer_arn": arn}, "after": {}}}
