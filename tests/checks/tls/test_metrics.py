"""Metrics: dates survive what is invalid, and one reason per endpoint."""

from __future__ import annotations

import pytest

from secmon.checks.tls import CHECK
from secmon.checks.tls.metrics import samples
from secmon.core.model import Completeness, Fact, Observation, Reason

DATE = "secmon_tls_certificate_not_after_timestamp_seconds"
REASON = "secmon_tls_endpoint_reason"


def observe(*facts, target="h:443", looked=None):
    looked = {"endpoint": None} if looked is None else looked
    return Observation("a", "tls", target, 0, 1, Completeness.OK, looked, tuple(facts))


def endpoint(reason, not_after=100.0):
    return Fact("endpoint", {"trust_reason": reason, "not_after": not_after})


def file(not_after, ca=False):
    return Fact("certificate", {"source": "file", "ca": ca, "not_after": not_after})


def values(*observations):
    found = samples("a", observations, 50.0)
    specs = {spec.name: spec for spec in CHECK.metrics}
    assert all(len(sample.labels) == len(specs[sample.name].labels) for sample in found)
    return {(sample.name, *sample.labels[1:]): sample.value for sample in found}


@pytest.mark.parametrize("reason", ["expired", "self_signed", "name_mismatch"])
def test_the_date_of_an_invalid_certificate_stays(reason):
    chain = Fact("certificate", {"source": "endpoint", "ca": True, "not_after": 1.0})
    assert values(observe(endpoint(reason), chain)) == {
        (DATE, "h:443"): 100.0,
        (REASON, "h:443", reason): 1.0,
    }


def test_trusted_endpoints_are_counted_and_the_earliest_date_is_told():
    assert values(
        observe(endpoint(None, 300.0), endpoint(None, 200.0), endpoint("expired"), target="local")
    ) == {
        (DATE, "local"): 100.0,
        (REASON, "local", "expired"): 1.0,
        (REASON, "local", "trusted"): 2.0,
    }


def test_files_give_a_date_and_ca_certificates_none():
    observation = observe(file(7.0), file(5.0, ca=True), target="file:/x", looked={"certificate": None})
    assert values(observation) == {(DATE, "file:/x"): 7.0}


def test_an_endpoint_that_was_not_seen_has_its_reason():
    assert values(observe(looked={"endpoint": Reason.TIMEOUT, "certificate": Reason.TIMEOUT})) == {
        (REASON, "h:443", "timeout"): 1.0
    }


def test_trust_that_could_not_be_judged_has_its_reason():
    fact = Fact("endpoint", {"not_after": 9.0}, {"trust_reason": Reason.NO_DATA})
    assert values(observe(fact)) == {(DATE, "h:443"): 9.0, (REASON, "h:443", "no_data"): 1.0}


def test_two_observations_of_one_target():
    """`local` is observed by two probes."""
    both = values(
        observe(endpoint(None, 300.0), target="local"),
        observe(file(200.0), target="local", looked={"certificate": None}),
    )
    assert both == {(DATE, "local"): 200.0, (REASON, "local", "trusted"): 1.0}
