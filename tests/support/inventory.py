"""A small inventory in which everything stands once."""

from __future__ import annotations

from secmon.core.inventoryfile import read_inventory
from secmon.sources import yaml

DIGEST = "0123456789abcdef" * 4
GOOD = f"""\
province: {{id: tinh, names: {{vi: Tỉnh, en: Province}}}}

units:
  - id: so-a
    kind: department
    names:
      vi: Sở A
      en: Department A


  - id: xa-1
    aliases: [xa-cu]
    kind: commune
    names:
      vi: Xã 1
      en: Commune 1

  - id: xa-2
    parent: xa-1
    kind: commune
    names: {{vi: Xã 2, en: Commune 2}}


systems:
  - {{id: db, owner_unit: so-a, level: 4, roles: [database]}}
  - {{id: dx, roles: [document-exchange], owner_unit: xa-cu, level: 3, decision: 12/QD-UBND}}

assets:
  - id: s1
    operator_unit: so-a
    platform: linux
    systems: [db, dx]
    addresses: [192.0.2.1, 2001:db8::1]
    hostnames: [s1]
    site: dc
    maintenance:
      - from: 2026-01-01
        until: 2026-01-02
        reason: new disks
    agent: a1
  - id: s2
    operator_unit: xa-2
    platform: network
    availability: office
    watched_by: [a1]
    site: core
    addresses: [2001:db8::2]
    hostnames: [s2.]
packs:
  - {{name: builtin, sha256: {DIGEST}, until: 2099-12-31}}
"""


def read(text):
    document = yaml.read(text.encode(), "i.yml")
    inventory, faults = read_inventory(document.value, "i.yml")
    assert not faults, faults
    return inventory
