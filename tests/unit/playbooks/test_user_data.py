"""What hosts run at their first boot: tried here with a package manager that fails until its internet is there."""

from __future__ import annotations

import subprocess
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[3] / "playbooks" / "files" / "user-data.sh"
APT = """#!/bin/sh
echo "$*" >> {folder}/asked
case "$*" in *update*) [ "$(grep -c update {folder}/asked)" -ge 3 ] || exit 100;; esac
case "$*" in *install*) for tool in ansible ansible-playbook unzip; do ln -s /bin/true {folder}/bin/$tool; done;; esac
"""


def run(script: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    path = {"PATH": f"{folder}/bin"}
    return subprocess.run(["/bin/sh", str(script)], env=path, capture_output=True, text=True, check=False, timeout=60)


def test_it_fits_into_user_data_and_is_no_template():
    text = SCRIPT.read_bytes()
    assert len(text) < 16384
    assert text.startswith(b"#!/bin/sh\n")
    assert b"{{" not in text
    assert b"{%" not in text


def test_it_tries_until_there_is_internet_and_does_nothing_more_at_later_boots(tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("date", "head", "install", "grep", "ln"):
        found = next(place / tool for place in (Path("/usr/bin"), Path("/bin")) if (place / tool).exists())
        (tools / tool).symlink_to(found)
    (tools / "sleep").symlink_to("/bin/true")
    (tools / "apt-get").write_text(APT.format(folder=tmp_path))
    (tools / "apt-get").chmod(0o755)
    script = tmp_path / "part-001"
    kept = tmp_path / "per-boot" / "install-ansible"
    text = SCRIPT.read_text().replace("/var/log/user-data.log", f"{tmp_path}/log")
    script.write_text(text.replace("/var/lib/cloud/scripts/per-boot/install-ansible", str(kept)))

    first = run(script, tmp_path)
    assert first.returncode == 0, first.stderr
    asked = (tmp_path / "asked").read_text().splitlines()
    assert ["update" in line for line in asked] == [True, True, True, False]
    assert asked[3].endswith("install --yes --no-install-recommends ansible-core unzip")
    assert (tmp_path / "log").read_text().count("tries again") == 2

    # Kept for the case that a boot is cut short; with everything there it asks for nothing.
    assert run(kept, tmp_path).returncode == 0
    assert (tmp_path / "asked").read_text().splitlines() == asked
