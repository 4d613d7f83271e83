"""VPCs with real packets: a network namespace is a VPC's router, a bridge in it a subnet, a pair of interfaces a peering or the way to
the internet, which is one more namespace. Used inside isolated.py only.

A network is described by

    vpcs      {id: {cidrs, subnets: {id: {cidr, routes}}, public: {public address: private address}}}
              routes: [[destination, kind, value], …], kind is host (value: the address of a machine), peering (its id), internet, or
              anything else for a way that leads nowhere
    peerings  {id: [one VPC, the other]}
    stores    {id: {vpc, targets: {address: subnet}, callers: [[address of a machine, address of a target], …]}}: a machine that serves at an
              address in each of several subnets; only callers get through to it, and only to its port
    internet  addresses of what machines find in the internet

A machine's subnet decides by its routes, as its route table does on AWS; the router is the first address of each subnet. What leaves for
the internet has its public address from there on; a machine without one does not get there. A store stands on a bridge of its own: what it
sends from an address goes by the routes of that address's subnet.
"""

import contextlib
import ipaddress
import subprocess

from .machine import ip

INTERNET = "internet"
TABLE = 100  # a subnet's routes are in the table of this number and its own
LINKS = ipaddress.ip_network("169.254.0.0/16")  # between namespaces, and with stores; no other packet ever carries them
NFS = 2049
TRANSLATION = """
table ip gateway
delete table ip gateway
table ip gateway {{
    map inward {{ type ipv4_addr : ipv4_addr; {inward} }}
    map outward {{ type ipv4_addr : ipv4_addr; {outward} }}
    chain arriving {{
        type nat hook prerouting priority dstnat;
        iifname "internet" dnat to ip daddr map @inward
    }}
    chain leaving {{
        type nat hook postrouting priority srcnat;
        oifname "internet" snat to ip saddr map @outward
    }}
    chain passing {{
        type filter hook forward priority filter;
        oifname "internet" ct state new ip saddr != @senders drop
        iifname "e*" ct state new drop
        oifname "e*" ct state new tcp dport {port} ip saddr . ip daddr @callers accept
        oifname "e*" ct state new drop
    }}
    set senders {{ type ipv4_addr; {senders} }}
    set callers {{ type ipv4_addr . ipv4_addr; {callers} }}
}}
"""


def rules(public, callers):
    """Rules of nft. public: {public address: private address}, each stands for the other, as at an internet gateway. callers: [[source,
    store's address], …], who may connect to stores; a connection that there is stays, as with security groups.

    https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html
    """

    def elements(items):
        return f"elements = {{ {', '.join(items)} }}" if items else ""

    pairs = sorted(public.items())
    return TRANSLATION.format(
        inward=elements([f"{outer} : {inner}" for outer, inner in pairs]),
        outward=elements([f"{inner} : {outer}" for outer, inner in pairs]),
        senders=elements(sorted({inner for _, inner in pairs})),
        callers=elements(sorted({f"{source} . {target}" for source, target in callers})),
        port=NFS,
    )


def ends(number):
    """The two addresses of a link."""
    first = int(LINKS.network_address) + 4 * number
    return f"{ipaddress.ip_address(first + 1)}", f"{ipaddress.ip_address(first + 2)}"


def first_address(cidr):
    return f"{next(ipaddress.ip_network(cidr).hosts())}"


class Network:
    """What there is of it, changed by become()."""

    def __init__(self):
        self.numbers: dict[str, int] = {}  # of subnets and links, never given twice
        self.made: dict[str, tuple[str, ...]] = {}  # what takes a subnet or a link away again
        self.spaces: set[str] = set()

    def number(self, identity):
        return self.numbers.setdefault(identity, len(self.numbers))

    def bridge(self, subnet):
        """The name of a subnet's bridge."""
        return f"s{self.number(subnet)}"

    def store(self, identity):
        """The name of a store's bridge, and the address that the store has on it."""
        return f"e{self.number(identity)}", ends(self.number(identity))[1]

    def become(self, described):
        vpcs, peerings, stores = described["vpcs"], described["peerings"], described["stores"]
        self.space(INTERNET)
        for address in described["internet"]:
            ip(f"-n {INTERNET} address replace {address}/32 dev lo")
        for vpc in vpcs:
            self.space(vpc)
            self.link(f"{vpc} {INTERNET}", (vpc, "internet"), (INTERNET, f"v{self.number(vpc)}"))
        wanted = {f"{vpc} {INTERNET}" for vpc in vpcs}
        for peering, (one, other) in peerings.items():
            name = f"p{self.number(peering)}"
            self.link(peering, (one, name), (other, name))
            wanted.add(peering)
        for vpc, parts in vpcs.items():
            for subnet, found in parts["subnets"].items():
                self.subnet(vpc, subnet, found["cidr"])
                wanted.add(subnet)
        for identity, found in stores.items():
            self.place(identity, found["vpc"])
            wanted.add(identity)
        for identity in set(self.made) - wanted:
            self.take_away(identity)
        for vpc in self.spaces - set(vpcs) - {INTERNET}:
            ip(f"netns delete {vpc}")
            self.spaces.discard(vpc)
        for vpc, parts in vpcs.items():
            self.gateway(
                vpc,
                parts["public"],
                [each for found in stores.values() if found["vpc"] == vpc for each in found["callers"]],
            )
            for subnet, found in parts["subnets"].items():
                self.route(vpc, subnet, found["routes"], parts, peerings)
        for identity, found in stores.items():
            self.reach(identity, found["vpc"], found["targets"])

    def space(self, name):
        if name in self.spaces:
            return
        ip(f"netns add {name}")
        ip(f"-n {name} link set lo up")
        settings = "echo 1 > ip_forward; echo 0 > conf/all/rp_filter; echo 0 > conf/default/rp_filter; echo 0 > conf/all/send_redirects"
        subprocess.run(
            ["ip", "netns", "exec", name, "sh", "-ec", f"cd /proc/sys/net/ipv4; {settings}; echo 0 > conf/default/send_redirects"],
            check=True,
        )  # fmt: skip
        self.spaces.add(name)

    def subnet(self, vpc, subnet, cidr):
        if subnet in self.made:
            return
        name, number = self.bridge(subnet), self.number(subnet)
        ip(f"-n {vpc} link add {name} type bridge forward_delay 0")
        ip(f"-n {vpc} address add {first_address(cidr)}/{cidr.partition('/')[2]} dev {name}")
        ip(f"-n {vpc} link set {name} up")
        ip(f"-n {vpc} rule add iif {name} lookup {TABLE + number}")
        # For what stands in the subnet without an interface in it.
        subprocess.run(
            ["ip", "netns", "exec", vpc, "sh", "-c", f"echo 1 > /proc/sys/net/ipv4/conf/{name}/proxy_arp"], check=True
        )
        self.made[subnet] = (f"-n {vpc} rule del iif {name} lookup {TABLE + number}", f"-n {vpc} link delete {name}")

    def place(self, identity, vpc):
        if identity in self.made:
            return
        name, gateway = self.store(identity)[0], ends(self.number(identity))[0]
        ip(f"-n {vpc} link add {name} type bridge forward_delay 0")
        ip(f"-n {vpc} address add {gateway}/30 dev {name}")
        ip(f"-n {vpc} link set {name} up")
        self.made[identity] = (f"-n {vpc} link delete {name}",)

    def reach(self, identity, vpc, targets):
        """Lets a store be reached at these addresses, and answer from them."""
        name, own = self.store(identity)
        ip(f"-n {vpc} route flush dev {name} scope global")
        with contextlib.suppress(subprocess.CalledProcessError):  # there are no more
            while True:
                ip(f"-n {vpc} rule del iif {name}")
        for address, subnet in targets.items():
            ip(f"-n {vpc} route replace {address}/32 via {own} dev {name}")
            ip(f"-n {vpc} rule add iif {name} from {address} lookup {TABLE + self.number(subnet)}")

    def link(self, identity, one, other):
        """A pair of interfaces between two namespaces: each (namespace, name)."""
        if identity in self.made:
            return
        ip(f"-n {one[0]} link add {one[1]} type veth peer name {other[1]} netns {other[0]}")
        for (namespace, name), address in zip((one, other), ends(self.number(identity)), strict=True):
            ip(f"-n {namespace} address add {address}/30 dev {name}")
            ip(f"-n {namespace} link set {name} up")
        self.made[identity] = (f"-n {one[0]} link delete {one[1]}",)

    def take_away(self, identity):
        for command in self.made.pop(identity):
            with contextlib.suppress(subprocess.CalledProcessError):  # it went with its namespace
                ip(command)

    def gateway(self, vpc, public, callers):
        text = rules(public, callers)
        subprocess.run(["ip", "netns", "exec", vpc, "nft", "-f", "-"], input=text, text=True, check=True)
        back = ends(self.number(f"{vpc} {INTERNET}"))[0]
        link = f"v{self.number(vpc)}"
        ip(f"-n {INTERNET} route flush dev {link} scope global")
        for address in public:
            ip(f"-n {INTERNET} route replace {address}/32 via {back} dev {link}")

    def route(self, vpc, subnet, routes, parts, peerings):
        """Writes a subnet's table anew: what is not routed leads nowhere."""
        table = TABLE + self.number(subnet)
        lines = [f"route add throw {cidr} table {table}" for cidr in parts["cidrs"]]  # which the bridges have
        for destination, kind, value in routes:
            way = self.way(vpc, kind, value, parts, peerings)
            lines.append(f"route replace {f'{destination} {way}' if way else f'blackhole {destination}'} table {table}")
        lines.append(f"route append blackhole default metric 9999 table {table}")
        with contextlib.suppress(subprocess.CalledProcessError):  # there is no such table yet
            ip(f"-n {vpc} route flush table {table}")
        batch = subprocess.run(
            ["ip", "-n", vpc, "-batch", "-"], input="\n".join(lines) + "\n", capture_output=True, text=True
        )
        if batch.returncode:
            raise RuntimeError(f"routes of {subnet}: {batch.stderr}{lines}")

    def way(self, vpc, kind, value, parts, peerings):
        """Where a route leads; nothing if nowhere."""
        if kind == "internet":
            return f"via {ends(self.number(f'{vpc} {INTERNET}'))[1]} dev internet"
        if kind == "peering" and vpc in peerings.get(value, ()):
            side = peerings[value].index(vpc)
            return f"via {ends(self.number(value))[1 - side]} dev p{self.number(value)}"
        if kind == "host":
            for subnet, found in parts["subnets"].items():
                if ipaddress.ip_address(value) in ipaddress.ip_network(found["cidr"]):
                    return f"via {value} dev {self.bridge(subnet)}"
        return ""
