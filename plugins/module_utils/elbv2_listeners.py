# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Listeners and rules of a load balancer: what they are, what is asked for, what lies between. No calls here.

An action and a rule are compared in the form in which a task writes them, so that a diff reads like the task.
"""

from ansible_collections.lks.llm.plugins.module_utils.elbv2 import normalise_attributes

CONDITION_CONFIGS = {
    "host-header": "HostHeaderConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "path-pattern": "PathPatternConfig",
    "source-ip": "SourceIpConfig",
}
# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateRule.html
MAX_PRIORITY = 50000


def target_group_name(arn):
    """Of arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/NAME/0123456789abcdef."""
    return arn.rsplit("/", 2)[-2] if arn.count("/") >= 2 else arn


def desired_action(action):
    """A task's action without what it does not say."""
    result = {"type": action["type"]}
    if action["type"] == "forward":
        result["target_group_name"] = action["target_group_name"]
    else:
        result["status_code"] = str(action["status_code"])
        result["content_type"] = action.get("content_type") or "text/plain"
        result["body"] = action.get("body") or ""
    return result


def current_action(action):
    """AWS's action in the form of a task. What a task cannot say keeps AWS's form, so that it differs from everything."""
    config = action.get("FixedResponseConfig")
    if action.get("Type") == "fixed-response" and config:
        return {
            "type": "fixed-response",
            "status_code": config.get("StatusCode", ""),
            "content_type": config.get("ContentType") or "text/plain",
            "body": config.get("MessageBody") or "",
        }
    if action.get("Type") == "forward":
        groups = [group["TargetGroupArn"] for group in action.get("ForwardConfig", {}).get("TargetGroups", [])]
        groups = groups or [action.get("TargetGroupArn", "")]
        sticky = action.get("ForwardConfig", {}).get("TargetGroupStickinessConfig", {}).get("Enabled", False)
        if len(groups) == 1 and not sticky:
            return {"type": "forward", "target_group_name": target_group_name(groups[0])}
    return action


def current_actions(actions):
    """One action is what a task can ask for; more are kept as they are."""
    normalised = [current_action(action) for action in actions or []]
    return normalised[0] if len(normalised) == 1 else {"actions": normalised}


def build_action(action, arns):
    """AWS's form of a desired action; C(arns) holds the ARN of each target group by name."""
    if action["type"] == "forward":
        return {"Type": "forward", "TargetGroupArn": arns[action["target_group_name"]]}
    config = {"StatusCode": action["status_code"], "ContentType": action["content_type"]}
    if action["body"]:
        config["MessageBody"] = action["body"]
    return {"Type": "fixed-response", "FixedResponseConfig": config}


def desired_conditions(conditions):
    return sorted(
        ({"field": item["field"], "values": sorted(item["values"])} for item in conditions), key=lambda c: c["field"]
    )


def current_conditions(conditions):
    result = []
    for item in conditions or []:
        config = item.get(CONDITION_CONFIGS.get(item.get("Field"), ""), {})
        values = config.get("Values") or item.get("Values")
        result.append({"field": item["Field"], "values": sorted(values)} if values else {"field": "", **item})
    return sorted(result, key=lambda condition: str(condition["field"]))


def build_conditions(conditions):
    return [
        {"Field": item["field"], CONDITION_CONFIGS[item["field"]]: {"Values": item["values"]}} for item in conditions
    ]


def desired_rule(rule, tags):
    return {
        "priority": rule["priority"],
        "conditions": desired_conditions(rule["conditions"]),
        "action": desired_action(rule["action"]),
        "tags": merge_tags(tags, rule.get("tags")),
    }


def current_rule(rule, tags):
    return {
        "rule_arn": rule["RuleArn"],
        "priority": int(rule["Priority"]),
        "conditions": current_conditions(rule.get("Conditions")),
        "action": current_actions(rule.get("Actions")),
        "tags": tags.get(rule["RuleArn"], {}),
    }


def desired_listener(listener, tags):
    return {
        "port": listener["port"],
        "protocol": listener["protocol"],
        "default_action": desired_action(listener["default_action"]),
        "rules": [desired_rule(rule, tags) for rule in listener.get("rules") or []],
        "attributes": normalise_attributes(listener.get("attributes")),
        "tags": merge_tags(tags, listener.get("tags")),
    }


def current_listener(listener, rules, tags):
    return {
        "listener_arn": listener["ListenerArn"],
        "port": listener["Port"],
        "protocol": listener["Protocol"],
        "default_action": current_actions(listener.get("DefaultActions")),
        "rules": sorted(
            (current_rule(rule, tags) for rule in rules if not rule.get("IsDefault")), key=lambda r: r["priority"]
        ),
        "tags": tags.get(listener["ListenerArn"], {}),
    }


def merge_tags(tags, more):
    """Tags of a part: those of the whole, and its own over them. None leaves the part's tags alone."""
    if tags is None and more is None:
        return None
    return {**(tags or {}), **(more or {})}


def content(rule):
    return (rule["conditions"], rule["action"])


def plan_rules(current, desired):
    """How to get from the current rules of a listener to the desired ones, so that every request finds its rule all the time.

    Returns a dict: C(kept) [(current, desired)], C(modify) the same, C(create) [desired], C(delete) [current] and
    C(priorities) {rule ARN: priority}, which AWS sets all at once.
    """
    left, wanted = list(current), list(desired)
    kept, modify = [], []
    for same in (lambda c, d: c["priority"] == d["priority"], lambda c, d: True):
        for rule in list(wanted):
            match = next((c for c in left if content(c) == content(rule) and same(c, rule)), None)
            if match:
                kept.append((match, rule))
                left.remove(match)
                wanted.remove(rule)
    for rule in list(wanted):
        match = next((c for c in left if c["priority"] == rule["priority"]), None)
        if match:
            modify.append((match, rule))
            left.remove(match)
            wanted.remove(rule)
    priorities = {c["rule_arn"]: d["priority"] for c, d in kept if c["priority"] != d["priority"]}
    # What goes away must not hold a place that another rule needs; it is deleted last, when all others are in theirs.
    needed = set(priorities.values()) | {rule["priority"] for rule in wanted}
    used = {rule["priority"] for rule in current} | {rule["priority"] for rule in desired}
    free = (number for number in range(MAX_PRIORITY, 0, -1) if number not in used)
    priorities.update({rule["rule_arn"]: next(free) for rule in left if rule["priority"] in needed})
    return {"kept": kept, "modify": modify, "create": wanted, "delete": left, "priorities": priorities}


def diff_listeners(current, desired):
    """Listeners are told apart by their port. Returns C(create), C(delete) and C(both) [(current, desired)]."""
    have = {listener["port"]: listener for listener in current}
    want = {listener["port"]: listener for listener in desired}
    return {
        "create": [want[port] for port in want if port not in have],
        "delete": [have[port] for port in have if port not in want],
        "both": [(have[port], want[port]) for port in want if port in have],
    }


def forwarded_groups(listeners):
    """Names of the target groups that desired listeners lead to."""
    actions = [listener["default_action"] for listener in listeners]
    actions += [rule["action"] for listener in listeners for rule in listener["rules"]]
    return [action["target_group_name"] for action in actions if action["type"] == "forward"]
