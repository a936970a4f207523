"""The samples of a scrape, by name and labels."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from support.harness.http import Answer, HttpClient


@dataclass(frozen=True, slots=True)
class Scrape:
    """The samples, and all names that an expression may use: also of families without a sample yet."""

    samples: tuple[Sample, ...]
    families: dict[str, str]
    """Type by name."""

    def values(self, name: str, **labels: str) -> list[float]:
        """The values of all samples of that name that have these labels."""
        return [one.value for one in self.samples if one.name == name and labels.items() <= one.labels.items()]

    def value(self, name: str, **labels: str) -> float:
        """The value of the one sample that has these labels."""
        found = self.values(name, **labels)
        assert len(found) == 1, f"{name}{labels} has {len(found)} samples"
        return found[0]

    def total(self, name: str, **labels: str) -> float:
        return sum(self.values(name, **labels))

    def labels(self) -> dict[str, set[str]]:
        """The names of the labels of each name."""
        found: dict[str, set[str]] = {}
        for one in self.samples:
            found.setdefault(one.name, set()).update(one.labels)
        return found

    def names(self) -> set[str]:
        """Every name of a sample that there is or may be."""
        return {name for family, kind in self.families.items() for name in _sample_names(family, kind)}


def parse(answer: Answer) -> Scrape:
    assert answer.status == 200, answer
    families = list(text_string_to_metric_families(answer.body.decode()))
    return Scrape(
        tuple(sample for family in families for sample in family.samples),
        {family.name: family.type for family in families},
    )


def scrape(address: str) -> Scrape:
    """``/metrics`` of ``host:port``."""
    return parse(HttpClient(address).get("/metrics"))


def _sample_names(family: str, kind: str) -> set[str]:
    if kind == "counter":
        return {f"{family}_total"}
    if kind == "histogram":
        return {f"{family}_bucket", f"{family}_count", f"{family}_sum"}
    return {family}
