#!/usr/bin/env python3
"""Every query of the dashboards and every alert, against a real Prometheus that scrapes the real program.

    run.py --binary target/debug/tidegate --prometheus FOLDER [--keep]

The program reads two folders that are fed all the while: events of a made-up shop (alerts, pages, suppressions, matches without a
key) and flow logs with a header, quiet and lossy interfaces, and lines that are none. Rules are reloaded once. Then:

* what /metrics shows passes `promtool check metrics`, and its books balance (tests/services/books.py);
* /metrics and docs/metrics.md name the same metrics;
* dashboards and alerts name no metric and no label that is not there, and every metric is in some panel;
* every panel's query gives numbers;
* every alert's expression is understood, every metric in it has samples, Prometheus evaluates it without an error, and none of the
  critical ones fires.
"""

import argparse
import json
import math
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/services"))
import books  # noqa: E402

DASHBOARDS = [ROOT / "grafana/overview.json", ROOT / "grafana/sources-and-lag.json"]
ALERTS = ROOT / "prometheus/alerts.yml"
DEADLINE = 90
# How long the program is fed before the queries: some scrapes more than the shortest range.
FED_SECONDS = 14

RULES = """title: Denied
id: denied
level: high
logsource: {product: shop, service: login}
detection: {s: {result: denied}, condition: s}
---
title: Three refusals
id: three
level: medium
correlation: {type: event_count, rules: [refused], group-by: [who], timespan: 10m, condition: {gte: 3}}
---
title: Refused
id: refused
name: refused
logsource: {product: shop, service: login}
detection: {s: {result: refused}, condition: s}
"""

SUPPRESSIONS = """- id: drill
  rule: denied
  where: {cloud.account.uid: 999988887777}
  reason: a drill
  owner: tests
  created: %s
  expires: %s
"""

CONFIG = """state: ./state.db
state_bytes_max: 256MiB
rules: [./rules]
suppressions: ./suppressions.yaml
sources:
  - {name: shop, folder: ./shop, format: json, json: {product: shop, service: login, time_field: time, arrival_field: received}}
  - {name: flows, folder: ./flows, format: vpcflow}
sinks: {ndjson: {file: ./alerts.ndjson}}
archive: {folder: ./archive}
snapshots: {every: 1s}
http: {listen: '127.0.0.1:%d'}
"""

PROMETHEUS = """global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%s]
scrape_configs:
  - job_name: tidegate
    static_configs: [{targets: ['127.0.0.1:%d']}]
"""


class Failed(Exception):
    pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what, ask, seconds=DEADLINE):
    end = time.monotonic() + seconds
    while True:
        try:
            answer = ask()
        except OSError:
            answer = None
        if answer:
            return answer
        if time.monotonic() > end:
            raise Failed(f"it never came: {what}")
        time.sleep(0.2)


def put(path, text):
    """A file that nobody sees half of."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.parent.parent / f"{path.name}.part"
    part.write_text(text)
    part.rename(path)


class Feed(threading.Thread):
    """Something new in both folders four times a second."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.folder, self.ended = folder, threading.Event()

    def run(self):
        number = 0
        while not self.ended.is_set():
            put(self.folder / f"shop/{number}.ndjson", self.shop(number))
            put(self.folder / f"flows/{number}.log", self.flows())
            number += 1
            self.ended.wait(0.25)

    def shop(self, number):
        now = int(time.time())

        def event(result, who, account="111122223333"):
            named = {"who": who} if who else {}
            return json.dumps({"time": now, "received": now, "result": result, "cloud": {"account": {"uid": account}}, **named}) + "\n"

        some = [event("refused", f"user-{number}") for _ in range(3)]
        return "".join(some + [event("denied", "ann"), event("denied", "drill", "999988887777"), event("refused", None)])

    def flows(self):
        now = int(time.time())
        columns = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
        one = f"2 444455556666 eni-0a 10.0.0.5 198.51.100.9 40000 443 6 10 840 {now - 60} {now} ACCEPT OK"
        quiet = f"2 444455556666 eni-0b - - - - - - - {now - 60} {now} - NODATA"
        lossy = f"2 444455556666 eni-0c - - - - - - - {now - 60} {now} - SKIPDATA"
        return "\n".join([columns, one, one, quiet, lossy, "2 444455556666 eni-0d what is this"]) + "\n"


class Prometheus:
    def __init__(self, programs, folder, target):
        self.port, self.folder = free_port(), folder
        (folder / "prometheus.yml").write_text(PROMETHEUS % (ALERTS, target))
        flags = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb", "--log.level=warn"]
        self.log = open(folder / "prometheus.log", "w")
        command = [str(programs / "prometheus"), *flags, f"--web.listen-address=127.0.0.1:{self.port}"]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)

    def get(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/{path}?{query}", timeout=20) as answer:
            return json.load(answer)["data"]

    def query(self, expression):
        """Values of an expression at this moment."""
        try:
            return [float(sample["value"][1]) for sample in self.get("query", query=expression)["result"]]
        except urllib.error.HTTPError as refusal:
            raise Failed(f"{expression}\n  is refused: {refusal.read().decode()}") from refusal

    def end(self):
        self.process.terminate()
        self.process.wait(20)
        self.log.close()


NAME = re.compile(r"\b(?:tidegate|process)_[a-z0-9_]+\b")
GROUPED = re.compile(r"\b(?:by|on|without|ignoring|group_left|group_right)\s*\(([^)]*)\)")
MATCHED = re.compile(r"[{,]\s*([a-z_]+)\s*(?:=~|!~|!=|=)")
PATTERN = re.compile(r'__name__=~"([^"]+)"')


def names(expression):
    """Metrics that an expression asks for."""
    patterns = [alternative for pattern in PATTERN.findall(expression) for alternative in spelled(pattern)]
    return set(NAME.findall(PATTERN.sub("", expression))) - {"process"} | set(patterns)


def spelled(pattern):
    """`a_(b|c)_d` as two names."""
    match = re.fullmatch(r"(\w*)\(([\w|]+)\)(\w*)", pattern)
    if not match:
        raise Failed(f"the pattern {pattern} is not understood by this test")
    return [match[1] + word + match[3] for word in match[2].split("|")]


def labels(expression):
    """Labels that an expression asks for."""
    grouped = {label.strip() for group in GROUPED.findall(expression) for label in group.split(",") if label.strip()}
    return grouped | set(MATCHED.findall(expression)) - {"__name__"}


def panels():
    for path in DASHBOARDS:
        board = json.loads(path.read_text())
        if not (board["schemaVersion"] >= 36 and any(v["type"] == "datasource" for v in board["templating"]["list"])):
            raise Failed(f"{path.name}: Grafana 10 could not load it, or it names no data source to choose")
        ids = [panel["id"] for panel in board["panels"]]
        if len(set(ids)) != len(ids):
            raise Failed(f"{path.name}: two panels have one id")
        for panel in board["panels"]:
            if panel["type"] != "row" and not panel.get("targets"):
                raise Failed(f"{path.name}: panel {panel['title']} asks nothing")
            for target in panel.get("targets", []):
                if target["datasource"]["uid"] != "${datasource}":
                    raise Failed(f"{path.name}: panel {panel['title']} does not ask the data source that was chosen")
                yield f"{path.stem}: {panel['title']}", target["expr"]


def filled(expression):
    """The expression as Grafana would send it."""
    out = expression.replace("$__rate_interval", "10s").replace("$job", "tidegate")
    if "$" in out:
        raise Failed(f"{expression}: a variable is unknown")
    return out


def alerts(prometheus):
    """The rules as Prometheus has them, once all were evaluated."""

    def evaluated():
        rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
        return rules if rules and all(rule["health"] != "unknown" for rule in rules) else None

    return until("all alerts are evaluated", evaluated)


def samples(text):
    """Names as they stand in queries, from an exposition: {name: kind}."""
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    out = {}
    for name, kind in kinds.items():
        endings = ["_bucket", "_sum", "_count"] if kind == "histogram" else [""]
        out.update({name + ending: name for ending in endings})
    return kinds, out


def documented():
    text = (ROOT / "docs/metrics.md").read_text()
    return set(re.findall(r"^\| `([a-z0-9_]+)` \|", text, re.M))


def check_names(text, wrong):
    """Documentation, dashboards and alerts name what is there."""
    kinds, asked = samples(text)
    known = {label for line in text.splitlines() if not line.startswith("#") for label, _ in books.LABEL.findall(line)}
    known |= {"job", "instance", "le", "alertname"}
    if documented() != set(kinds):
        wrong.append(f"docs/metrics.md and /metrics differ: {sorted(documented() ^ set(kinds))}")
    expressions = list(panels()) + [(f"alert {n}", e) for n, e in re.findall(r"alert: (\w+)\n\s+expr: (?!>-)(.+)", ALERTS.read_text())]
    for place, expression in expressions:
        wrong.extend(f"{place}: there is no metric {name}" for name in sorted(names(expression) - set(asked)))
        wrong.extend(f"{place}: no metric has a label {label}" for label in sorted(labels(expression) - known))
    shown = {asked[name] for _, expression in panels() for name in names(expression) if name in asked}
    wrong.extend(f"no dashboard shows {name}" for name in sorted(set(kinds) - shown))
    return len(kinds), len(expressions)


def check_queries(prometheus, wrong):
    count = 0
    for place, expression in panels():
        count += 1
        values = prometheus.query(filled(expression))
        if not any(not math.isnan(value) for value in values):
            wrong.append(f"{place}: no numbers: {filled(expression)}")
    return count


def check_alerts(prometheus, known, wrong):
    rules = alerts(prometheus)
    for rule in rules:
        if rule["health"] != "ok":
            wrong.append(f"alert {rule['name']}: {rule.get('lastError')}")
        for name in sorted(names(rule["query"])):
            if name not in known:
                wrong.append(f"alert {rule['name']}: there is no metric {name}")
            elif not prometheus.query(f"count({name})"):
                wrong.append(f"alert {rule['name']}: {name} has no samples, so it never fires")
        if rule["labels"]["severity"] == "critical" and rule["state"] != "inactive":
            wrong.append(f"alert {rule['name']} is {rule['state']} though all is well: {rule['alerts']}")
    told = (ROOT / "docs/operations.md").read_text()
    explained, there = set(re.findall(r"^\| `(Tidegate\w+)` \|", told, re.M)), {rule["name"] for rule in rules}
    if explained != there:
        wrong.append(f"docs/operations.md and the alerts differ: {sorted(explained ^ there)}")
    return len(rules)


def fed(prometheus, url):
    """Whether all that is fed has come through once."""
    numbers = prometheus.query
    return (
        numbers("tidegate_reload_timestamp_seconds")
        and sum(numbers("tidegate_suppression_hits_total")) > 0
        and sum(numbers("tidegate_quarantine_items")) > 0
        and sum(numbers("tidegate_snapshot_size_bytes")) > 0
        and sum(numbers("tidegate_source_records_total")) > 0
    )


def examine(binary, programs, folder):
    now = time.time()
    day = lambda seconds: time.strftime("%Y-%m-%d", time.gmtime(seconds))  # noqa: E731
    (folder / "rules").mkdir()
    (folder / "rules/rules.yml").write_text(RULES)
    (folder / "suppressions.yaml").write_text(SUPPRESSIONS % (day(now - 86_400), day(now + 2 * 86_400)))
    port = free_port()
    (folder / "tidegate.yaml").write_text(CONFIG % port)
    (folder / "shop").mkdir()
    (folder / "flows").mkdir()
    url, wrong = f"http://127.0.0.1:{port}", []
    with open(folder / "tidegate.log", "w") as log:
        service = subprocess.Popen([str(binary), "run", "-c", str(folder / "tidegate.yaml")], stdin=subprocess.DEVNULL, stderr=log)
        feed, prometheus = Feed(folder), None
        try:
            until("the program is ready", lambda: urllib.request.urlopen(url + "/ready", timeout=5).status == 200)
            prometheus = Prometheus(programs, folder, port)
            feed.start()
            put(folder / "rules/rules.yml", RULES.replace("gte: 3", "gte: 2"))
            until("Prometheus answers", lambda: prometheus.get("query", query="1"))
            until("everything that is fed came through", lambda: fed(prometheus, url))
            time.sleep(FED_SECONDS)
            text = urllib.request.urlopen(url + "/metrics", timeout=10).read().decode()
            metrics = books.check(url)
            lint = subprocess.run([str(programs / "promtool"), "check", "metrics"], input=text, capture_output=True, text=True)
            if lint.returncode or lint.stderr.strip():
                wrong.append(f"promtool check metrics: {lint.stdout}{lint.stderr}")
            named, expressions = check_names(text, wrong)
            queries = check_queries(prometheus, wrong)
            rules = check_alerts(prometheus, samples(text)[1], wrong)
        finally:
            feed.ended.set()
            if prometheus:
                prometheus.end()
            service.terminate()
            code = service.wait(30)
    if code:
        wrong.append(f"the program ended with code {code}")
    records = books.total(metrics, "tidegate_records_total")
    print(f"{records} records, {named} metrics, {expressions} expressions, {queries} queries with numbers, {rules} alerts evaluated")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=pathlib.Path, required=True)
    parser.add_argument("--prometheus", type=pathlib.Path, required=True)
    parser.add_argument("--keep", action="store_true", help="leave the folder of the run")
    arguments = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tidegate-dashboards-"))
    for command in (["check", "rules", ALERTS], ["test", "rules", ALERTS.with_name("alerts.test.yml")]):
        subprocess.run([str(arguments.prometheus / "promtool"), *map(str, command)], check=True)
    try:
        wrong = examine(arguments.binary.resolve(), arguments.prometheus, folder)
    except Failed as failed:
        wrong = [str(failed)]
    if wrong or arguments.keep:
        print(f"the run is left in {folder}", file=sys.stderr)
    else:
        shutil.rmtree(folder)
    for line in wrong:
        print(f"dashboards: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
