"""Private addresses: each is one interface's. moto gives interfaces that ask for none any address of their subnet, taken or not."""

from __future__ import annotations

import ipaddress
from typing import Any

from moto.ec2.models.elastic_network_interfaces import NetworkInterface, NetworkInterfaceBackend


def taken_addresses(ec2: Any, subnet_id: str) -> set[str]:
    """Addresses in use in a subnet, whoever uses them."""
    taken = {
        address["PrivateIpAddress"]
        for interface in ec2.enis.values()
        if interface.subnet.id == subnet_id
        for address in interface.private_ip_addresses
    }
    taken |= set(ec2.get_subnet(subnet_id)._subnet_ips)
    return taken


def usable(subnet: Any, address: str) -> bool:
    """AWS keeps the first four addresses of a subnet and the last one.
    https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html"""
    network = ipaddress.ip_network(subnet.cidr_block)
    number = int(ipaddress.ip_address(address)) - int(network.network_address)
    return 4 <= number < network.num_addresses - 1


def free_address(ec2: Any, subnet: Any) -> str:
    """From the end of the subnet, so that addresses that people choose, at its beginning, stay free."""
    taken = taken_addresses(ec2, subnet.id)
    network = ipaddress.ip_network(subnet.cidr_block)
    return next(
        str(network[index]) for index in range(network.num_addresses - 2, 3, -1) if str(network[index]) not in taken
    )


def remove_interface(interface: Any) -> None:
    """Gives its addresses back, but for those that an instance or a mount target has taken for it."""
    interface.ec2_backend.enis.pop(interface.id, None)
    for each in interface.private_ip_addresses:
        if interface.subnet._subnet_ips.get(each["PrivateIpAddress"]) is interface:
            interface.subnet.del_subnet_ip(each["PrivateIpAddress"])


def install() -> None:
    create = NetworkInterface.__init__
    delete = NetworkInterfaceBackend.delete_network_interface

    def created(
        self: Any,
        ec2_backend: Any,
        subnet: Any,
        private_ip_address: Any,
        private_ip_addresses: Any = None,
        *more: Any,
        **named: Any,
    ) -> None:
        subnet = ec2_backend.get_subnet(subnet) if isinstance(subnet, str) else subnet
        if not private_ip_address and not private_ip_addresses:
            private_ip_address = free_address(ec2_backend, subnet)
        create(self, ec2_backend, subnet, private_ip_address, private_ip_addresses, *more, **named)
        for each in self.private_ip_addresses:
            subnet._subnet_ips.setdefault(each["PrivateIpAddress"], self)

    def delete_network_interface(self: Any, eni_id: str) -> None:
        interface = self.enis.get(eni_id)
        delete(self, eni_id)
        remove_interface(interface)

    NetworkInterface.__init__ = created  # type: ignore[method-assign]
    NetworkInterfaceBackend.delete_network_interface = delete_network_interface  # type: ignore[method-assign]
