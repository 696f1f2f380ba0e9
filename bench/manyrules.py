"""Write 500 rules with 1,000 tests in 11,000 lines, of the shapes that the shipped rules have."""

from __future__ import annotations

RULES = 500

_RULE = """\
  - id: ports.generated-{n:03}
    check: ports
    severity: {severity}
    params: {{limit: {{type: integer, default: {port}, level_3: {lower}, tighten: down}}}}
    for_each: listener
    where:
      proto: tcp
      scope: exposed
      port: {{in: [{port}, {more}]}}
      uid: {{ge: 0}}
    require:
      port: {{lt: $limit}}
    title:
      vi: "Quy tắc được tạo số {n}"
      en: "Generated rule number {n}"
    fix:
      vi: "Đóng cổng {port}."
      en: "Close the port {port}."
    maps: {{nist-800-53: [CM-7], cis-8: ["4.8"]}}
    tests:
      - {{name: open to all, facts: {{proto: tcp, scope: exposed, port: {more}, uid: 0}}, expect: fail}}
      - {{name: loopback, facts: {{proto: tcp, scope: loopback, port: {port}}}, expect: not_applicable}}
"""


def rules_text() -> str:
    """Return one file of rules."""
    return "rules:\n" + "".join(
        _RULE.format(
            n=n,
            severity=("low", "medium", "high")[n % 3],
            port=1024 + n,
            more=30000 + n,
            lower=1000 + n,
        )
        for n in range(RULES)
    )
