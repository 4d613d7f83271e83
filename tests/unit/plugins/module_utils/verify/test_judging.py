"""How checks become results, on hand-made snapshots."""

from __future__ import annotations

import pytest
from ansible_collections.lks.llm.plugins.module_utils.verify.catalogue import CHECKS
from ansible_collections.lks.llm.plugins.module_utils.verify.expectations import ExpectationError, complete
from ansible_collections.lks.llm.plugins.module_utils.verify.judging import (
    BLOCKED,
    FAIL,
    PASS,
    UNSEEN,
    Check,
    Finding,
    NotJudged,
    NotSeen,
    evaluate,
    judge,
    score,
)
from ansible_collections.lks.llm.plugins.module_utils.verify.system import System

A = {"name": "zone-a", "region": "us-east-1", "cidr": "172.32.0.0/23", "home": True}
B = {"name": "zone-b", "region": "us-west-2", "cidr": "10.10.0.0/23"}
EXPECTED = complete({"zones": [A, B]})


def system(regions=None, refused=()):
    return System({"regions": regions or {}, "global": {}, "refused": list(refused)}, EXPECTED)


def check(look, *, zones=False):
    return Check("N-1.test", "A test", look, "nothing", "Mend it.", 3, zones=zones, makes="thing")


def yields(*findings, error=None):
    def look(*_arguments):
        yield from findings
        if error:
            raise error

    return look


@pytest.mark.parametrize(
    ("look", "status"),
    [
        (yields(), PASS),
        (yields(Finding("wrong")), FAIL),
        (yields(error=NotJudged("absent")), BLOCKED),
        (yields(error=NotSeen("refused")), UNSEEN),
        (yields(Finding("wrong"), error=NotSeen("refused")), FAIL),
    ],
)
def test_how_a_check_ends(look, status):
    result = judge(check(look), system())
    assert result.status == status
    assert result.earned == (3 if status == PASS else 0)


def test_zones_are_judged_one_by_one():
    def look(_system, zone):
        if zone.name == "zone-a":
            raise NotJudged("zone-a has nothing")
        yield Finding("wrong", "id-1")

    result = judge(check(look, zones=True), system())
    assert result.status == FAIL
    assert [(each.region, each.expected) for each in result.findings] == [("us-west-2", "nothing")]
    assert result.reasons == ["zone-a has nothing"]
    assert result.plan == ["thing of zone-a"]


def test_what_is_missing_is_planned_and_what_is_wrong_is_not():
    assert judge(check(yields(Finding("none", missing=True))), system()).plan == ["thing"]
    assert judge(check(yields(Finding("wrong"))), system()).plan == []


def test_a_refused_part_is_not_an_empty_one():
    refused = [{"region": "us-east-1", "part": "vpcs", "reason": "UnauthorizedOperation: no"}]
    results = {
        each.id: each for each in evaluate(CHECKS, system({"us-east-1": {}, "us-west-2": {"vpcs": []}}, refused))
    }
    assert results["O-2.looked_at"].status == FAIL
    assert results["S-1.one"].status == UNSEEN
    # The other zone's VPC is known to be missing; that outweighs what could not be seen.
    assert results["N-1.vpc"].status == FAIL
    assert "UnauthorizedOperation" in " ".join(results["N-1.vpc"].reasons)


def test_the_score_adds_up():
    looks = (yields(), yields(Finding("wrong")), yields(error=NotJudged("absent")))
    results = [judge(check(look), system()) for look in looks]
    assert score(results) == {"points": 9, "earned": 3, "percent": 33, "pass": 1, "fail": 1, "blocked": 1, "unseen": 0}


def test_areas_are_chosen_and_ordered_by_requirement():
    results = evaluate(CHECKS, system({"us-east-1": {}, "us-west-2": {}}), ["storage", "network"])
    numbers = [result.requirement for result in results]
    assert {number[0] for number in numbers} == {"N", "S"}
    assert numbers == sorted(numbers)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"zones": [A, B], "preifx": "x"}, "unknown expectations: preifx"),
        ({"zones": [B]}, "exactly one zone with home"),
        ({"zones": [A, {**B, "home": True}]}, "exactly one zone with home"),
        ({"zones": [{"name": "x", "home": True}]}, "lacks region, cidr"),
        ({}, "exactly one zone"),
    ],
)
def test_expectations_that_cannot_be_are_refused(given, said):
    with pytest.raises(ExpectationError, match=said):
        complete(given)


class TestAHandBuiltNetwork:
    """Nothing of it is named or tagged as we do it; it is found all the same, and only its names are wrong."""

    def network(self):
        def subnet(identity, cidr, zone):
            return {"SubnetId": identity, "VpcId": "vpc-1", "CidrBlock": cidr, "AvailabilityZone": zone}

        def table(identity, target, associations):
            routes = [
                {"DestinationCidrBlock": "172.32.0.0/23", "GatewayId": "local"},
                {"DestinationCidrBlock": "0.0.0.0/0", **target},
            ]
            return {"RouteTableId": identity, "VpcId": "vpc-1", "Routes": routes, "Associations": associations}

        nat = {
            "InstanceId": "i-1",
            "VpcId": "vpc-1",
            "SubnetId": "subnet-1",
            "InstanceType": "t2.micro",
            "State": {"Name": "running"},
            "PublicIpAddress": "198.51.100.1",
            "SourceDestCheck": False,
            "NetworkInterfaces": [{"NetworkInterfaceId": "eni-1"}],
        }
        return {
            "vpcs": [
                {"VpcId": "vpc-0", "IsDefault": True, "CidrBlock": "172.31.0.0/16"},
                {"VpcId": "vpc-1", "CidrBlock": "172.32.0.0/23"},
            ],
            "subnets": [
                subnet("subnet-1", "172.32.0.0/24", "us-east-1a"),
                subnet("subnet-2", "172.32.1.0/25", "us-east-1a"),
                subnet("subnet-3", "172.32.1.128/25", "us-east-1b"),
            ],
            "route_tables": [
                table("rtb-1", {"GatewayId": "igw-1"}, [{"SubnetId": "subnet-1"}]),
                table("rtb-2", {"NetworkInterfaceId": "eni-1"}, [{"Main": True}]),
            ],
            "instances": [nat],
            "network_interfaces": [{"NetworkInterfaceId": "eni-1", "SourceDestCheck": False}],
            "nat_gateways": [],
            "vpc_peering_connections": [],
        }

    def results(self, network):
        one_zone = complete({"zones": [A]})
        found = evaluate(
            CHECKS, System({"regions": {"us-east-1": network}, "global": {}, "refused": []}, one_zone), ["network"]
        )
        return {result.id: result.status for result in found if result.status != PASS}

    def test_it_is_found_by_what_it_does(self):
        # State Manager is not in the snapshot, and there are no workers that could try.
        assert self.results(self.network()) == {"N-1.vpc": FAIL, "N-5.forwards": UNSEEN, "N-5.reach": BLOCKED}

    def test_a_route_to_an_instance_is_as_good_as_one_to_its_interface(self):
        network = self.network()
        network["route_tables"][1]["Routes"][1] = {"DestinationCidrBlock": "0.0.0.0/0", "InstanceId": "i-1"}
        assert "N-5.route" not in self.results(network)

    def test_a_route_to_another_instance_is_not(self):
        network = self.network()
        network["route_tables"][1]["Routes"][1] = {"DestinationCidrBlock": "0.0.0.0/0", "NetworkInterfaceId": "eni-9"}
        assert self.results(network)["N-5.route"] == FAIL
