#!/usr/bin/env python3
"""The three books of a running service, as its /metrics shows them.

    books.py URL                    check once; URL is http://ADDRESS:PORT, or that and /metrics
    books.py URL --settled SECONDS  wait until nothing waits in any outbox, at most so long, then check

Every scrape is of one moment between two rounds, so the books balance in each of them, whatever goes on meanwhile:

    records    = events + filtered + quarantined
    detections = counted + duplicates + late + behind + stale + ignored + without key
    alerts     = suppressed + delivered + quarantined + in outbox        for every lane that takes documents

Exit codes: 0 they balance; 1 they do not, or there are none; 3 nobody answers. Other tests import `scrape`, `errors` and `check`.
"""

import re
import sys
import time
import urllib.error
import urllib.request

SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


def parse(text):
    """{name: {((label, value), ...): number}}"""
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        match = SAMPLE.match(line)
        if not match:
            raise ValueError(f"no sample: {line!r}")
        name, labels, value = match.groups()
        found.setdefault(name, {})[tuple(LABEL.findall(labels or ""))] = float(value)
    return found


def scrape(url):
    url = url.rstrip("/")
    if not url.endswith("/metrics"):
        url += "/metrics"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return parse(answer.read().decode())


def total(metrics, name):
    return int(sum(metrics.get(name, {}).values()))


def errors(metrics):
    """What does not balance, in words; empty: all of it does."""
    if "tidegate_records_total" not in metrics:
        return ["there are no books: the process does not own the state, or has not caught up"]
    wrong = []
    records = total(metrics, "tidegate_records_total")
    parts = [total(metrics, f"tidegate_{what}_total") for what in ("events", "filtered", "quarantined")]
    if records != sum(parts):
        wrong.append("records {} != events {} + filtered {} + quarantined {}".format(records, *parts))
    detections = total(metrics, "tidegate_detections_total")
    outcomes = metrics.get("tidegate_detection_outcomes_total", {})
    if detections != sum(outcomes.values()):
        told = " + ".join(f"{dict(labels)['outcome']} {int(n)}" for labels, n in outcomes.items())
        wrong.append(f"detections {detections} != {told}")
    alerts, suppressed = total(metrics, "tidegate_alerts_total"), total(metrics, "tidegate_alerts_suppressed")
    lanes = {}
    for labels, n in metrics.get("tidegate_lane_alerts", {}).items():
        labels = dict(labels)
        lanes.setdefault(labels["lane"], {})[labels["state"]] = int(n)
    if not lanes:
        wrong.append("no lane takes documents")
    for lane, states in lanes.items():
        if alerts != suppressed + sum(states.values()):
            told = " + ".join(f"{state} {n}" for state, n in states.items())
            wrong.append(f"lane {lane}: alerts {alerts} != suppressed {suppressed} + {told}")
    return wrong


def check(url, settled=None):
    """Raises AssertionError if the books do not balance. `settled`: seconds to wait until every outbox is empty. Gives the metrics."""
    until = time.monotonic() + (settled or 0)
    while True:
        metrics = scrape(url)
        wrong = errors(metrics)
        assert not wrong, "; ".join(wrong)
        waiting = total(metrics, "tidegate_outbox_waiting")
        if settled is None or waiting == 0:
            return metrics
        assert time.monotonic() < until, f"{waiting} deliveries still wait after {settled} s"
        time.sleep(0.2)


def main(arguments):
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0 if arguments else 2
    settled = float(arguments[arguments.index("--settled") + 1]) if "--settled" in arguments else None
    try:
        metrics = check(arguments[0], settled)
    except AssertionError as wrong:
        print(f"books.py: {arguments[0]}: {wrong}", file=sys.stderr)
        return 1
    except (OSError, urllib.error.URLError, ValueError) as trouble:
        print(f"books.py: {arguments[0]}: {trouble}", file=sys.stderr)
        return 3
    names = ("records", "detections", "alerts", "pages")
    print("books: " + ", ".join(f"{total(metrics, f'tidegate_{name}_total')} {name}" for name in names) + "; they balance")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
