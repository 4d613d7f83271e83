"""The role efs_mount on a kernel that mounts NFS, from a kernel that serves it."""

import pytest

from machines.machine import wait

ADDRESS, OTHER, WRONG = "10.30.0.20", "10.30.0.21", "10.30.0.99"
LINE = (
    "{address}:/ /share nfs4 nfsvers=4.1,rsize=1048576,wsize=1048576,hard,timeo=600,retrans=2,noresvport,"
    "_netdev,nofail,x-systemd.mount-timeout=20s,x-efs-mount 0 0"
)
# Until systemd knows of another address: there is always an attempt at the wrong one that is young.
AGAIN = f"""
while [ "$(systemctl show -P What share.mount)" = {WRONG}:/ ]; do
    systemctl restart --no-block share.mount
    sleep 4
done
"""
TAGS = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:11434/api/tags', timeout=5).read().decode())"


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


def test_another_address_is_mounted_anew(host, at):
    result = at(host, OTHER, core="2.16")
    assert result.rc == 0, result
    assert mounted(host) == f"nfs4 {OTHER}:/"
    assert fstab(host) == [LINE.format(address=OTHER)]
    assert host.run("cat /share/file").text == "from the host"


def test_a_mount_that_is_gone_comes_back(host, at):
    host.run("systemctl stop share.mount && sed -i s/hard/soft/ /etc/fstab")
    result = at(host, OTHER, core="2.12")
    assert result.rc == 0, result
    assert {"efs_mount : Keep the mount across reboots", "efs_mount : Mount"} <= set(result.changed)
    assert mounted(host) == f"nfs4 {OTHER}:/"
    assert fstab(host) == [LINE.format(address=OTHER)]


def test_something_else_there_is_refused(host, at):
    host.run("systemctl stop share.mount; sed -i.bak /x-efs-mount/d /etc/fstab; mount -t tmpfs theirs /share")
    host.run("echo 'more /share tmpfs noauto 0 0' >> /etc/fstab")
    before = fstab(host)
    result = at(host, OTHER, core="2.19")
    assert result.rc != 0
    assert "/share is in use: mounted there is tmpfs theirs, and fstab says more /share tmpfs" in result.output, result
    assert (result.changes, mounted(host), fstab(host)) == (0, "tmpfs theirs", before)
    host.run("umount /share; mv /etc/fstab.bak /etc/fstab; systemctl daemon-reload; systemctl start share.mount")


@pytest.mark.thorough
def test_a_server_that_does_not_answer_is_named(host, at):
    result = at(host, WRONG, core="2.19")
    assert result.rc != 0
    for word in (f"{WRONG}:/ could not be mounted at /share", "efs_mount_address", "2049"):
        assert word in result.output, result


@pytest.mark.thorough
def test_a_whole_worker(host, applied):
    """worker.yml as it is, after the address was wrong, while that one is still being tried: the mount, and a worker on it."""
    host.run("cat > /root/again", stdin=AGAIN)
    host.run("systemd-run", "sh", "/root/again")
    options = ["-e", "efs_mount_wait=20", "-e", "efs_mount_retry=3", "-e", "ollama_worker_space=100"]
    result = applied(host, options=options)
    assert result.rc == 0, result
    assert mounted(host) == f"nfs4 {ADDRESS}:/"
    assert fstab(host) == [LINE.format(address=ADDRESS)]


@pytest.mark.thorough
@pytest.mark.usefixtures("registry")
def test_its_models_are_on_the_server(host, server, applied):
    assert applied(host, playbook="models.yml", options=[]).rc == 0
    assert server.run("ls /srv/store/models/manifests/registry.ollama.ai/library").text == "nomic-embed-text"


def works(host):
    """Whether the store is mounted as fstab says and, if this is a worker by now, it lists the models that are on it."""
    (line,) = [line for line in fstab(host) if "x-efs-mount" in line]
    if mounted(host) != f"nfs4 {line.split()[0]}" or host.run("cat /share/file").text != "from the host":
        return False
    if host.run("test -e /etc/systemd/system/ollama.service", check=False).rc != 0:
        return True
    there = host.run("ls /share/models/manifests/registry.ollama.ai/library", check=False).text.split()
    listed = host.run("python3", "-c", TAGS, check=False).text
    return '"models"' in listed and all(f'"{name}:latest"' in listed for name in there)


def test_works_after_a_reboot(host):
    host.reboot()
    wait("the store is mounted, and the worker lists its model", lambda: works(host), 120)


def test_a_boot_goes_on_without_the_server_and_the_mount_follows(host, server):
    server.silence("add")
    try:
        host.reboot()
        host.wait_booted()
        assert mounted(host) == ""
        wait(
            "the first attempt to mount has failed",
            lambda: host.run("systemctl is-active share-retry.service", check=False).text == "active",
            120,
        )
        assert mounted(host) == ""
        assert host.run("systemctl is-active ollama", check=False).text != "active", "no worker without its store"
        assert host.run("ls -A /share").text == "", "nothing was written below the mount point"
    finally:
        server.silence("del")
    wait("the mount follows, and the worker with it", lambda: works(host), 180)
