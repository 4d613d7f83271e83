"""EC2: Canonical's images in every region, and what moto leaves behind or leaves out."""

from __future__ import annotations

import datetime
import hashlib
from typing import Any

from moto.ec2.models.amis import Ami, AmiBackend

CANONICAL = "099720109477"
# (codename, version, storage in the name, builds): Canonical publishes new builds every few weeks under names that end in their date.
RELEASES = (
    ("jammy", "22.04", "hvm-ssd", ("20250305", "20251001")),
    ("noble", "24.04", "hvm-ssd-gp3", ("20250305", "20250821", "20251022")),
)


def canonical_images(region: str) -> list[dict[str, Any]]:
    """The arguments of moto's Ami for Canonical's server images of a region; ids differ by region, as AWS's do."""
    images = []
    for codename, version, storage, builds in RELEASES:
        for build in builds:
            name = f"ubuntu/images/{storage}/ubuntu-{codename}-{version}-amd64-server-{build}"
            images.append(
                {
                    "ami_id": "ami-" + hashlib.sha256(f"{region} {name}".encode()).hexdigest()[:17],
                    "name": name,
                    "description": f"Canonical, Ubuntu, {version}, amd64 {codename} image",
                    "owner_id": CANONICAL,
                    "public": True,
                    "virtualization_type": "hvm",
                    "architecture": "x86_64",
                    "creation_date": datetime.datetime.strptime(build, "%Y%m%d"),
                    "platform": None,
                    "image_location": f"{CANONICAL}/{name}",
                    "hypervisor": "xen",
                    "root_device_type": "ebs",
                    "root_device_name": "/dev/sda1",
                    "sriov": "simple",
                    "region_name": f"{region}a",
                }
            )
    return images


def install() -> None:
    load = AmiBackend._load_amis

    def load_with_canonical(self: Any) -> None:
        load(self)
        for image in canonical_images(self.region_name):
            self.amis[image["ami_id"]] = Ami(self, **image)

    AmiBackend._load_amis = load_with_canonical  # type: ignore[method-assign]
