"""The role efs_mount on a kernel that mounts NFS, from a kernel that serves it."""

import signal
import time

import pytest

from tests.machines.machine import wait

from .conftest import CORES

ADDRESS, OTHER = "10.30.0.20", "10.30.0.21"
LINE = (
    "{address}:/ /share nfs4 nfsvers=4.1,rsize=1048576,wsize=1048576,hard,timeo=600,retrans=2,noresvport,"
    "_netdev,nofail,x-systemd.mount-timeout=20s,x-efs-mount 0 0"
)


@pytest.fixture(scope="module")
def host(machine):
    return machine("host")


@pytest.fixture(scope="module")
def server(machine):
    return machine("server")


def mounted(host):
    return host.run("awk '$2 == \"/share\" {print $3, $1}' /proc/mounts").text


def fstab(host):
    return host.run("cat /etc/fstab").text.splitlines()


@pytest.fixture
def at(applied, scenario):
    """Apply with another address of the store."""

    def run(host, address, **options):
        zones = {
            "zone-a": {
                **scenario["variables"]["hosts_zones"]["zone-a"],
                "mount_targets": [{"subnet": "x", "address": address}],
            }
        }
        return applied(host, hosts_zones=zones, **options)

    return run


def test_is_mounted_from_its_own_availability_zone(host, server):
    assert mounted(host) == f"nfs4 {ADDRESS}:/"
    assert fstab(host) == [LINE.format(address=ADDRESS)]
    options = host.run("awk '$2 == \"/share\" {print $4}' /proc/mounts").text.split(",")
    assert {"vers=4.1", "hard", "noresvport", "timeo=600", "retrans=2"} <= set(options)
    host.run("echo from the host > /share/file")
    assert server.run("cat /srv/store/file").text == "from the host"


@pytest.mark.parametrize("core", CORES[::3])
def test_second_apply_changes_nothing(host, applied, core):
    result = applied(host, core=core)
    assert (result.rc, result.changes) == (0, 0), result


@pytest.mark.parametrize(("core", "address"), zip(CORES[1:3], [OTHER, ADDRESS], strict=True))
def test_another_address_is_mounted_anew(host, at, core, address):
    result = at(host, address, core=core)
    assert result.rc == 0, result
    assert mounted(host) == f"nfs4 {address}:/"
    assert fstab(host) == [LINE.format(address=address)]


def test_a_mount_that_is_gone_comes_back(host, applied):
    host.run("systemctl stop share.mount && sed -i s/hard/soft/ /etc/fstab")
    result = applied(host)
    assert result.rc == 0, result
    assert {"efs_mount : Keep the mount across reboots", "efs_mount : Mount"} <= set(result.changed)
    assert mounted(host) == f"nfs4 {ADDRESS}:/"
    assert fstab(host) == [LINE.format(address=ADDRESS)]


def test_something_else_mounted_there_is_refused(host, applied):
    host.run("systemctl stop share.mount; sed -i /x-efs-mount/d /etc/fstab; mount -t tmpfs theirs /share")
    before = fstab(host)
    result = applied(host)
    assert result.rc != 0
    assert "/share is in use: mounted there is tmpfs theirs" in result.output, result
    assert (result.changes, mounted(host), fstab(host)) == (0, "tmpfs theirs", before)
    host.run("umount /share; echo 'theirs /share tmpfs noauto 0 0' >> /etc/fstab")
    result = applied(host)
    assert "/share is in use" in result.output, result
    assert (result.rc != 0, result.changes, mounted(host)) == (True, 0, "")
    host.run("sed -i /theirs/d /etc/fstab")
    assert applied(host).rc == 0
    assert mounted(host) == f"nfs4 {ADDRESS}:/"


def test_a_server_that_does_not_answer_is_named(host, at):
    result = at(host, "10.30.0.99")
    assert result.rc != 0
    for word in ("10.30.0.99:/ could not be mounted at /share", "efs_mount_address", "2049"):
        assert word in result.output, result
    assert at(host, ADDRESS).rc == 0
    assert mounted(host) == f"nfs4 {ADDRESS}:/"


def test_is_mounted_after_a_reboot(host):
    host.reboot()
    wait("it is mounted again", lambda: mounted(host) == f"nfs4 {ADDRESS}:/", 120)
    assert host.run("cat /share/file").text == "from the host"


def test_a_boot_goes_on_without_the_server_and_the_mount_follows(host, server):
    server.signal(signal.SIGSTOP)
    try:
        host.reboot()
        host.wait_booted()
        assert mounted(host) == ""
        time.sleep(25)  # longer than an attempt to mount may take: the first one has failed
        assert mounted(host) == ""
    finally:
        server.signal(signal.SIGCONT)
    wait("the mount follows", lambda: mounted(host) == f"nfs4 {ADDRESS}:/", 180)


def test_a_whole_worker(host, server, applied):
    """worker.yml as it is: the mount, and a worker whose models are on it."""
    result = applied(
        host, options=["-e", "efs_mount_wait=20", "-e", "efs_mount_retry=3", "-e", "ollama_worker_space=100"]
    )
    assert result.rc == 0, result
    assert applied(host, playbook="models.yml", options=[]).rc == 0
    assert server.run("ls /srv/store/models/manifests/registry.ollama.ai/library").text == "nomic-embed-text"
    host.reboot()
    wait(
        "the worker answers after a reboot", lambda: applied(host, playbook="models_check.yml", options=[]).rc == 0, 240
    )
