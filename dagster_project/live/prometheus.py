"""The stream's numbers in Prometheus' form, read from the desks when somebody asks. Who may ask, and where, is `endpoint`.

Names follow Prometheus' rules: base units, counters end in _total. One process has one such registry.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pipelines.live.desk import Committed, Seen

PLACE = ("feed", "source")
OUTCOMES = ("kept", "rejected", "late")
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
COUNTERS = {
    "messages": "messages landed",
    "commits": "commits done",
    "restarts": "times a source was tried again",
}
GAUGES = {
    "source_lag_seconds": ("source_lag_s", "age of the oldest message that is not in the lake"),
    "event_lag_seconds": ("event_lag_s", "now minus the middle event time of the last batch"),
    "behind_messages": ("behind", "messages that wait at the broker"),
    "connected": ("is_connected", "whether the broker is there"),
}


class Numbers:
    """All metrics of a stream.

    Args:
        seen: gives the desks as they are now.
        raised: gives the alerts raised since the start, by rule.
    """

    def __init__(self, seen: Callable[[], Sequence[Seen]], raised: Callable[[], Mapping[str, int]]) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_Desks(seen, raised))
        ProcessCollector(registry=self.registry)
        self._commit_s = self._histogram("commit", "from closing a batch to its commit")
        self._landing_s = self._histogram("landing", "from the broker's receipt of a batch's first message to its commit")

    def _histogram(self, name: str, doc: str) -> Histogram:
        return Histogram(f"citylake_{name}_seconds", doc, PLACE, buckets=SECONDS, registry=self.registry)

    def committed(self, done: Committed) -> None:
        """Note how long a commit took."""
        self._commit_s.labels(done.feed, done.source).observe(done.seconds)
        self._landing_s.labels(done.feed, done.source).observe(max(0.0, (done.at_us - done.first_received_us) / 1e6))


class _Desks(Collector):
    def __init__(self, seen: Callable[[], Sequence[Seen]], raised: Callable[[], Mapping[str, int]]) -> None:
        self._seen, self._raised = seen, raised

    def describe(self) -> list[Metric]:
        """Nothing is read before the stream runs."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The desks as they are now."""
        sources = self._seen()
        for key, doc in COUNTERS.items():
            yield _family(CounterMetricFamily, key, doc, [(s, getattr(s, key)) for s in sources])
        rows = CounterMetricFamily("citylake_rows", "rows landed; late ones are among those kept", labels=(*PLACE, "outcome"))
        for s in sources:
            for outcome in OUTCOMES:
                rows.add_metric((s.feed, s.name, outcome), getattr(s, outcome))
        yield rows
        for key, (attribute, doc) in GAUGES.items():
            # what is not known is left out: a 0 would say that all is well
            known = [(s, float(v)) for s in sources if (v := getattr(s, attribute)) is not None]
            yield _family(GaugeMetricFamily, key, doc, known)
        alerts = CounterMetricFamily("citylake_alerts", "alerts raised", labels=("rule",))
        for rule, count in sorted(self._raised().items()):
            alerts.add_metric((rule,), count)
        yield alerts


def _family(kind: type, key: str, doc: str, values: Sequence[tuple[Seen, float]]) -> Metric:
    family = kind(f"citylake_{key}", doc, labels=PLACE)
    for s, value in values:
        family.add_metric((s.feed, s.name), value)
    return family  # type: ignore[no-any-return]
