#!/bin/sh
# Puts on the host what State Manager's playbooks need, and nothing else: Ansible, and unzip for their bundle. As root, at the first boot,
# and at later ones if that was cut short.
exec >> /var/log/user-data.log 2>&1
if command -v ansible-playbook && command -v unzip; then
  exit 0
fi
echo "$(date -Is) begins"
kept=/var/lib/cloud/scripts/per-boot/install-ansible
[ "$0" = "$kept" ] || install -D -m 0755 "$0" "$kept"
export DEBIAN_FRONTEND=noninteractive

# A private host has no internet until its NAT instance forwards, so this is tried until it works.
until apt-get -o DPkg::Lock::Timeout=600 -o APT::Update::Error-Mode=any update \
  && apt-get -o DPkg::Lock::Timeout=600 install --yes --no-install-recommends ansible-core unzip; do
  echo "$(date -Is) tries again in 15 seconds"
  sleep 15
done
echo "$(date -Is) has installed $(ansible --version | head -n 1) and $(command -v unzip)"
