# -*- coding: utf-8 -*-

# Copyright: Contributors to the Ansible project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Who can reach whom in a described AWS network: a snapshot in, findings out. It makes no call.

    network = load(snapshot)
    answer = reach(network, "i-0123456789abcdef0", "10.10.1.10", protocol="tcp", port=2049)
    answer.verdict      # "always", "sometimes" or "never"
    answer.to_dict()    # the same as JSON, with every path and every block

`reach(network, sources, destinations, protocol="tcp", port=None, request=None, ephemeral=(1024, 65535))`

sources, destinations: a name or several. A name is one of
    eni-…                   a network interface
    i-…                     an instance, with all its interfaces
    fs-…, fsmt-…            the mount targets of a file system, or one of them
    vpce-…                  the interfaces of an interface endpoint
    subnet-…, vpc-…, sg-…   all that is placed in it, or carries it
    ARN                     a load balancer (its address in each zone), a database, a function
    vpclink:ID              a VPC link of a REST API, as a source only: its NLB's addresses
    internet                every public address that is in none of the snapshot's VPCs
    everything              all that has an address in the snapshot's VPCs; not the internet
    10.0.0.0/8, 10.0.1.5    whatever has such an address, and the addresses outside all VPCs among them
A destination in a VPC is reached by its private addresses, also where it has a public one; to ask for the way through
the internet, name the public address. Who shares an interface (functions, databases) is told by the first one's name.
protocol: tcp, udp, icmp (an echo request), or any for the three.
port: of the destination; None for every port. A load balancer counts as reached where its targets are, or it answers.
request: what HTTP rules look at, {"path": "/api/chat", "host": …, "method": …}. What it leaves out may have any
value.
ephemeral: the ports from which sources connect, which network ACLs have to let answers back to.

The verdict is "always" when every source reaches every destination, from each of its addresses, whatever ephemeral
port it takes and whichever node and target a balancer picks; "never" when no such choice gets through; "sometimes" in
between. So what must work is proven by "always", and what must not by "never". Nothing to try (no such source or
destination) is "never", and answer.unknown holds the names that nothing has. An address that nobody has is not
reached.

Answer: verdict, traces, unknown; .open and .closed are the traces that get through or do not; .ends are the names
    reached in the end (instance, "internet", "fixed-response 404", …); .blocks are the distinct blocks; .to_dict().
Trace: source, destination (names), source_addresses (a CIDR or range), source_ports, protocol, ports (first, last),
    hops, end (a name; None when blocked), block (None when it gets through), assumptions (what AWS's descriptions
    cannot tell, such as that a NAT instance forwards).
Hop: kind (security-group, network-acl, route, nat-instance, nat-gateway, internet-gateway, peering, endpoint,
    listener, target-group, target, interface), id, region, detail (a phrase that names the rule, the entry, the
    route).
Block: kind (as of a hop, or route-table, load-balancer, vpc-link, vpc, gateway, address), id, region, reason (one
sentence).

`step(network, source, address, port, client=None)` and `link_step(network, link, balancer, port)` ask for one connection
alone, from an interface to an address or through a VPC link, and end where a balancer takes it.

The snapshot is what boto3 returns, unchanged, by region. Every list may be missing; more keys do no harm.

    {"regions": {"us-east-1": {
        "vpcs": describe_vpcs()["Vpcs"],
        "subnets": describe_subnets()["Subnets"],
        "route_tables": describe_route_tables()["RouteTables"],
        "security_groups": describe_security_groups()["SecurityGroups"],
        "network_acls": describe_network_acls()["NetworkAcls"],
        "instances": [instance of each of describe_instances()["Reservations"]],
        "network_interfaces": describe_network_interfaces()["NetworkInterfaces"],
        "internet_gateways": describe_internet_gateways()["InternetGateways"],
        "nat_gateways": describe_nat_gateways()["NatGateways"],
        "vpc_peering_connections": describe_vpc_peering_connections()["VpcPeeringConnections"],
        "vpc_endpoints": describe_vpc_endpoints()["VpcEndpoints"],
        "prefix_lists": describe_prefix_lists()["PrefixLists"],                     # AWS's own, with their Cidrs
        "managed_prefix_lists": [{**describe_managed_prefix_lists()["PrefixLists"][n],
                                  "Entries": get_managed_prefix_list_entries()["Entries"]}],
        "load_balancers": [{**describe_load_balancers()["LoadBalancers"][n],
                            "Attributes": describe_load_balancer_attributes()["Attributes"],
                            "Listeners": [{**describe_listeners()["Listeners"][n],
                                           "Rules": describe_rules()["Rules"]}]}],
        "target_groups": [{**describe_target_groups()["TargetGroups"][n],
                           "Attributes": describe_target_group_attributes()["Attributes"],
                           "TargetHealthDescriptions": describe_target_health()["TargetHealthDescriptions"]}],
        "mount_targets": [{**describe_mount_targets()["MountTargets"][n],
                           "SecurityGroups": describe_mount_target_security_groups()["SecurityGroups"]}],
        "db_instances": describe_db_instances()["DBInstances"],
        "functions": list_functions()["Functions"],
        "vpc_links": get_vpc_links()["items"],                                      # of REST APIs
    }}}

A mount target's SecurityGroups may be left out where its interface is among network_interfaces. Attributes may be a
mapping too, a target group's TargetHealthDescriptions be called Targets, and mount_targets be MountTargets of
file_systems. Whether a target is healthy is not looked at: one that is down now must be reachable when it is up; one
that drains is left out. What is not evaluated is said when it is met: transit and virtual private gateways, and
whether a NAT instance really forwards. Not looked at are IPv6, Gateway Load Balancers, firewalls, gateway route
tables and endpoint policies.
"""

from .answer import Answer, Block, Hop, Trace
from .load import load
from .query import reach
from .step import link_step, step

__all__ = ["Answer", "Block", "Hop", "Trace", "link_step", "load", "reach", "step"]
