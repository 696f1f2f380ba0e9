"""Hold the days on which releases of Debian and Ubuntu lose their security updates, and read newer tables.

The day is that of the last support that everybody gets without a contract: for Debian the end of LTS, whose
updates come by the same security archive; for Ubuntu the end of standard support, not of ESM.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

EOL_DAYS: Final = {
    ("debian", "8"): "2020-06-30",
    ("debian", "9"): "2022-06-30",
    ("debian", "10"): "2024-06-30",
    ("debian", "11"): "2026-08-31",
    ("debian", "12"): "2028-06-30",
    ("debian", "13"): "2030-06-30",
    ("ubuntu", "14.04"): "2019-04-25",
    ("ubuntu", "16.04"): "2021-04-30",
    ("ubuntu", "18.04"): "2023-05-31",
    ("ubuntu", "20.04"): "2025-05-29",
    ("ubuntu", "22.04"): "2027-06-01",
    ("ubuntu", "24.04"): "2029-05-31",
    ("ubuntu", "25.10"): "2026-07-09",
    ("ubuntu", "26.04"): "2031-05-29",
}
"""Distribution and VERSION_ID -> last day, from distro-info-data 0.58+deb12u7 and 0.67."""

DISTRO_INFO: Final = {
    "debian": ("usr/share/distro-info/debian.csv", ("eol-lts", "eol")),
    "ubuntu": ("usr/share/distro-info/ubuntu.csv", ("eol-server", "eol")),
}
"""Distribution -> table of distro-info-data, and the columns that may hold the day, best first."""


def parse_distro_info(data: bytes, columns: tuple[str, ...]) -> dict[str, str]:
    """Read a table of distro-info-data.

    Args:
        data: the CSV file; it has no quoting.
        columns: names of the columns that may hold the day, best first.

    Returns:
        VERSION_ID -> day, for the releases that have one.
    """
    head, *rows = data.decode("utf-8", "replace").splitlines() or [""]
    names = head.split(",")
    days: dict[str, str] = {}
    for line in rows:
        row = dict(zip(names, line.split(","), strict=False))
        day = next((row[column] for column in columns if row.get(column)), "")
        if day and row.get("version"):
            days[row["version"].removesuffix(" LTS")] = day
    return days


def eol_timestamp(os_id: str, version: str | None, newer: dict[str, str]) -> float | None:
    """Return when a release has no security updates any more.

    Args:
        os_id: ID of os-release.
        version: VERSION_ID of os-release.
        newer: as `parse_distro_info` gives it for this distribution; it goes before the built-in table.

    Returns:
        Unix seconds of the end of the last day, UTC; None where it is not known.
    """
    day = newer.get(version or "") or EOL_DAYS.get((os_id, version or ""), "")
    try:
        midnight = datetime.combine(date.fromisoformat(day) + timedelta(days=1), datetime.min.time(), UTC)
    except (ValueError, OverflowError):
        return None
    return midnight.timestamp()
