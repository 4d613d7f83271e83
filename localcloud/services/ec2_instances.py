"""EC2 instances as AWS makes them: their interface and volumes go with them, get their tags, and say the same as they do."""

from __future__ import annotations

import copy
import functools
from typing import Any

from moto.ec2.models.elastic_block_store import VolumeAttachment
from moto.ec2.models.elastic_network_interfaces import NetworkInterface, NetworkInterfaceBackend
from moto.ec2.models.instances import Instance, InstanceBackend, InstanceState, MetadataOptions
from moto.ec2.responses.instances import InstanceResponse

from localcloud import hooks, state
from localcloud.pace import PACE


def install() -> None:
    wrap_launch()
    wrap_termination()
    wrap_changes()


def wrap_launch() -> None:
    prepare = Instance.prep_nics
    run = InstanceBackend.run_instances
    mappings = InstanceResponse._parse_block_device_mapping

    def prep_nics(self: Any, nic_spec: list[dict[str, Any]], *args: Any, **kwargs: Any) -> None:
        # An interface made with the instance goes with it, unless the request says otherwise.
        # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceNetworkInterfaceSpecification.html
        made = [nic for nic in nic_spec if not nic.get("NetworkInterfaceId")]
        kept = {int(nic.get("DeviceIndex", 0)) for nic in made if nic.get("DeleteOnTermination") is False}
        given = {int(nic.get("DeviceIndex", 0)) for nic in nic_spec if nic.get("NetworkInterfaceId")}
        prepare(self, nic_spec, *args, **kwargs)
        for index, nic in self.nics.items():
            if index not in given:
                nic.delete_on_termination = index not in kept
        if not self.security_groups and 0 in self.nics:
            self.security_groups = list(self.nics[0]._group_set)

    def run_instances(self: Any, *args: Any, **kwargs: Any) -> Any:
        tags = kwargs.get("tags") or {}
        reservation: Any = run(self, *args, **kwargs)
        for instance in reservation.instances:
            if instance.root_device_name not in instance.block_device_mapping:
                instance.setup_defaults()  # a mapping of other devices adds to the image's own
                volume = instance.block_device_mapping[instance.root_device_name].volume_id
                self.get_volume(volume).add_tags(tags.get("volume", {}))
            for nic in instance.nics.values():
                nic.add_tags(tags.get("network-interface", {}))
            name = tags.get("instance", {}).get("Name", instance.id)
            instance.managed_at = PACE.ready_at("managed instance", self.region_name, name)
            if PACE.seconds("instance"):
                begin(instance, name)
        return reservation

    def parse_mappings(self: Any) -> list[dict[str, Any]]:
        # What a mapping leaves open is as the image has it: the root volume goes with the instance.
        # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EbsBlockDevice.html
        parsed = mappings(self)
        for asked, template in zip(self._get_param("BlockDeviceMappings", []), parsed, strict=True):
            if asked.get("Ebs", {}).get("DeleteOnTermination") is None:
                template["Ebs"]["DeleteOnTermination"] = True
        return parsed

    def goes_with_instance(self: Any) -> bool | None:
        mapping = self.instance.block_device_mapping.get(self.device)
        return mapping.delete_on_termination if mapping else None

    VolumeAttachment.delete_on_termination = property(goes_with_instance)  # type: ignore[attr-defined]
    Instance.prep_nics = prep_nics  # type: ignore[method-assign]
    InstanceBackend.run_instances = run_instances  # type: ignore[method-assign]
    InstanceResponse._parse_block_device_mapping = parse_mappings  # type: ignore[method-assign]


def begin(instance: Any, name: str) -> None:
    """It is pending for as long as an instance takes to run."""
    instance._state = InstanceState("pending", 0)

    def run() -> None:
        with state.LOCK:
            if instance.state == "pending":
                instance._state = InstanceState("running", 16)
        tell(instance)

    PACE.later("instance", instance.region_name, name, run)


def tell(instance: Any) -> None:
    """That its state has changed, as no call does; data planes look for changes of instances only."""
    hooks.tell("aws.changed", service="ec2", operation="StartInstances", region=instance.region_name)


def wrap_termination() -> None:
    terminate, start = Instance.terminate, Instance.start

    def started(self: Any) -> Any:
        previous = start(self)
        if PACE.seconds("instance"):
            begin(self, self.id)
        return previous

    def gone(self: Any, ending: bool = False) -> Any:
        # A terminated instance is described for a while, without what went with it.
        # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/terminating-instances.html
        if self.state == "terminated":
            return self._state
        if PACE.seconds("instance termination") and not ending:
            previous = copy.copy(self._state)
            if self.state != "shutting-down":
                self._state = InstanceState("shutting-down", 32)
                PACE.later("instance termination", self.region_name, self.id, functools.partial(end, self))
            return previous
        nics = list(self.nics.values())
        previous = terminate(self)
        for nic in nics:
            if nic.id in self.ec2_backend.enis:
                self.detach_eni(nic)
            else:
                self.ec2_backend.tags.pop(nic.id, None)
        self.nics = {}
        self._subnet_id = None
        self.security_groups = []
        return previous

    def end(self: Any) -> None:
        with state.LOCK:
            gone(self, ending=True)
        tell(self)

    def address(self: Any) -> str | None:
        return self.nics[0].private_ip_address if 0 in self.nics else None

    def public_address(self: Any) -> str | None:
        return self.nics[0].public_ip if 0 in self.nics else None

    name = vars(Instance)["private_dns_name"].fget

    def private_name(self: Any) -> str:
        return name(self) if 0 in self.nics else ""

    Instance.start = started  # type: ignore[method-assign]
    Instance.terminate = gone  # type: ignore[method-assign]
    Instance.private_ip = Instance.private_ip_address = property(address)  # type: ignore[assignment]
    Instance.public_ip = Instance.public_ip_address = property(public_address)  # type: ignore[assignment]
    Instance.private_dns_name = property(private_name)  # type: ignore[assignment]


def wrap_changes() -> None:
    modify = InstanceBackend.modify_instance_attribute
    modify_groups = InstanceBackend.modify_instance_security_groups
    modify_interface = NetworkInterfaceBackend.modify_network_interface_attribute

    # An instance's groups and its check of source and destination are those of its first interface.
    # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceAttribute.html

    def modify_instance_attribute(self: Any, instance_id: str, key: str, value: Any) -> Any:
        instance = modify(self, instance_id, key, value)
        if key == "source_dest_check" and 0 in instance.nics:
            instance.nics[0].source_dest_check = value
        return instance

    def modify_instance_security_groups(self: Any, instance_id: str, new_group_id_list: list[str]) -> Any:
        instance = modify_groups(self, instance_id, new_group_id_list)
        if 0 in instance.nics:
            instance.nics[0]._group_set = list(instance.security_groups)
        return instance

    def modify_network_interface_attribute(self: Any, eni_id: str, *args: Any, **kwargs: Any) -> None:
        modify_interface(self, eni_id, *args, **kwargs)
        interface = self.get_network_interface(eni_id)
        if interface.instance and interface.device_index == 0:
            interface.instance.security_groups = list(interface._group_set)
            interface.instance.source_dest_check = interface.source_dest_check

    def modify_instance_metadata_options(self: Any, instance_id: str, **options: Any) -> MetadataOptions:
        # What a call leaves out stays. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceMetadataOptions.html
        current = self.get_instance(instance_id).metadata_options
        for argument, attribute in (
            ("http_tokens", "http_tokens"),
            ("hop_limit", "http_put_response_hop_limit"),
            ("http_endpoint", "http_endpoint"),
            ("http_protocol", "http_protocol_ipv6"),
            ("metadata_tags", "instance_metadata_tags"),
        ):
            if options.get(argument) is not None:
                setattr(current, attribute, options[argument])
        return current

    InstanceBackend.modify_instance_attribute = modify_instance_attribute  # type: ignore[method-assign]
    InstanceBackend.modify_instance_security_groups = modify_instance_security_groups  # type: ignore[method-assign]
    InstanceBackend.modify_instance_metadata_options = modify_instance_metadata_options  # type: ignore[assignment]
    NetworkInterfaceBackend.modify_network_interface_attribute = modify_network_interface_attribute  # type: ignore[method-assign]
    NetworkInterface.group_set = property(lambda self: self._group_set)  # type: ignore[assignment]
