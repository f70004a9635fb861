"""End to end: a day of a synthetic organisation, as its accounts would put it into three streams, comes out as the alerts that `tidegate
replay` makes of the same records.

Findings come as EventBridge wraps them, flow logs as CloudWatch Logs subscriptions send them (compressed batches), the trail in
aggregates. All arrive now, so the lateness is a week; rules that must wait for completeness would wait as long and are left out.
"""
import datetime, gzip, json, random, re, signal, subprocess, time
from index import Index, differences
from kinesis import HASH_KEYS, Stream, aggregate
from life import Life
from topic import Topic
from trial import books, checks, kill_test

ACCOUNTS, NOISE = 40, .05
QUIET, PATIENCE = 8, 180
STREAMS = {"findings": 1, "flows": 2, "trails": 2}
SERVICES = ("guardduty", "cloudtrail", "vpcflow", "tgwflow", "securityhub", "route53", "waf", "eks_audit", "eventbridge", "generic")

# What may differ between live and replay: it speaks of when and how often an alert was told, of what had come before it, of the place
# its records were read from, and of an end of the input, which a stream does not have.
FREE = [("@timestamp",), ("time",), ("activity_id",), ("activity_name",), ("type_uid",), ("type_name",), ("finding_info", "uid"),
        ("finding_info", "created_time"), ("finding_info", "modified_time"), ("metadata", "uid"), ("metadata", "sequence"), ("metadata", "processed_time"),
        ("metadata", "logged_time"), ("tidegate", "revision"), ("tidegate", "evaluated_to"), ("tidegate", "late_events"), ("tidegate", "paging"),
        ("tidegate", "records"), ("tidegate", "episode", "state"), ("tidegate", "episode", "truncated")]
# What an alert over alerts shows of its children is what they showed when it was told.
OF_PARENTS = [("evidences",), ("observables",), ("resources",), ("tidegate", "accounts"), ("tidegate", "accounts_total"), ("tidegate", "owners"),
              ("tidegate", "regions"), ("tidegate", "environments"), ("tidegate", "principals"), ("tidegate", "source_ips"), ("tidegate", "records_total")]
# A line of a flow log has no id: of several of one second, those are kept whose place comes first.
OF_PLACES = [("evidences",), ("observables",)]


class Organisation:
    """The generator's files, and the records they become."""

    def __init__(self, binary, folder, seed):
        self.folder, self.random = folder / "organisation", random.Random(f"organisation {seed}")
        yesterday = datetime.datetime.now(datetime.timezone.utc).date() - datetime.timedelta(days=1)
        run(binary, "generate", self.folder, "--accounts", ACCOUNTS, "--noise", NOISE, "--start", f"{yesterday}T00:00:00Z", "--seed", seed)
        files = lambda pattern: sorted((self.folder / "input").glob(pattern))
        findings = [line for f in files("AWSLogs/*/GuardDuty/**/*.gz") for line in gzip.decompress(f.read_bytes()).splitlines()]
        self.findings = [self.wrapped(json.loads(line)) for line in findings]
        self.flows = [f.read_bytes() for f in files("flowlogs/**/*.gz")]
        self.trails = [json.dumps(event).encode() for f in files("AWSLogs/*/*/CloudTrail/**/*.gz") for event in json.loads(gzip.decompress(f.read_bytes()))["Records"]]
        self.write()

    def wrapped(self, finding):
        """As EventBridge sends it."""
        return json.dumps({"version": "0", "id": f"{self.random.getrandbits(128):032x}", "detail-type": "GuardDuty Finding", "source": "aws.guardduty",
                           "account": finding["accountId"], "time": finding["updatedAt"], "region": finding["region"], "resources": [], "detail": finding}).encode()

    def write(self):
        """The same records as files, for the replay."""
        put = self.folder / "put"
        put.mkdir()
        (put / "findings.ndjson").write_bytes(b"\n".join(self.findings) + b"\n")
        (put / "trails.ndjson").write_bytes(b"\n".join(self.trails) + b"\n")
        for n, batch in enumerate(self.flows): (put / f"flows-{n:05}.gz").write_bytes(batch)

    def records(self):
        """[(stream, record)] in the order in which they are put: any."""
        out = [("findings", record) for record in self.findings] + [("flows", batch) for batch in self.flows]
        trails = self.random.sample(self.trails, len(self.trails))
        while trails:
            n = self.random.choice([1, 3, 20, 60])
            out.append(("trails", aggregate(trails[:n]) if n > 1 else trails[0]))
            trails = trails[n:]
        self.random.shuffle(out)
        return out

    def tables(self): return [self.folder / f"tables/{name}.csv" for name in ("accounts", "networks", "intel")]

    def counts(self): return f"{len(self.findings)} finding revisions, {len(self.flows)} batches of flow logs, {len(self.trails)} trail events"


def run(binary, *words):
    done = subprocess.run([str(binary), *map(str, words)], capture_output=True, text=True)
    if done.returncode: raise RuntimeError(f"tidegate {words[0]} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def kinds(binary, folder):
    """Ids of the shipped correlations that are judged only when their time is complete, and of those that refer to correlations."""
    run(binary, "rules", "export", folder / "rules")
    documents = [d for f in (folder / "rules").rglob("*.yml") for d in re.split(r"^---", f.read_text(), flags=re.M) if re.search(r"^correlation:", d, re.M)]
    own = lambda d, key: (re.search(rf"^{key}: *(\S+)", d, re.M) or [None, None])[1]
    names = {own(d, key) for d in documents for key in ("id", "name")} - {None}
    waits = {own(d, "id") for d in documents if re.search(r"^ +condition: .*\bnot\b|^ +(lt|lte|eq|neq):|type: value_(avg|median|percentile)", d, re.M)}
    return waits, {own(d, "id") for d in documents if set(re.findall(r"^ +- *(\S+)", d[d.index("correlation:"):], re.M)) & names}


def configuration(parts, folder, tables, prefix, topic):
    accounts, networks, intel = tables
    sources = "".join(f"  - name: {name}\n    format: {form}\n    kinesis: {{stream: {prefix}-{name}, endpoint_url: '{parts.kinesis_url}'}}\n"
                      for name, form in (("findings", "guardduty"), ("flows", "vpcflow"), ("trails", "cloudtrail")))
    (folder / "tidegate.yaml").write_text(
        f"state: ./state.db\ntables: {{accounts: {accounts}, networks: {networks}, intel: [{intel}]}}\nsources:\n{sources}"
        f"sinks:\n  opensearch: {{url: '{parts.search_url}', index_prefix: {prefix}}}\n"
        f"  sns: {{routes: {{default: '{topic.arn}'}}, endpoint_url: '{parts.aws_url}'}}\nlateness: {{{', '.join(f'{s}: 7d' for s in SERVICES)}}}\n"
        "paging: {pages_per_hour: 100000}\nhttp: {listen: '127.0.0.1:0'}\nlog: {format: json}\n")
    return folder / "tidegate.yaml"


def feed(streams, records, life, dice):
    """In some portions, with splits between them."""
    size = -(-len(records) // 12)
    for n, first in enumerate(range(0, len(records), size)):
        for name, stream in streams.items():
            stream.put([(record, dice.randrange(HASH_KEYS)) for to, record in records[first:first + size] if to == name])
        if n % 3 == 1: dice.choice(list(streams.values())).reshard(dice)
        until = time.monotonic() + .4
        while time.monotonic() < until:
            if life.read(.05) is None: raise kill_test.Wrong("the service ended by itself", life)


def settle(life):
    """Until nothing has been sent for a while: alerts are told anew at most every five seconds."""
    began = last = time.monotonic()
    while (now := time.monotonic()) - last < QUIET:
        if now - began > PATIENCE: raise kill_test.Wrong(f"deliveries do not end in {PATIENCE} s", life)
        read = life.read(.1)
        if read is None: raise kill_test.Wrong("the service ended by itself", life)
        if any(message in ("sending", "page") for message, _ in read) or any(n for key, n in life.open.items() if key[0] == "lane"): last = now


def stop(life, records):
    life.process.send_signal(signal.SIGTERM)
    life.drain()
    text = "\n".join(life.said)
    if life.process.returncode: return [f"the service ended with {life.process.returncode}: {life.said[-3:]}"]
    account = re.search(r"books: (\d+) records = (\d+) events \+ (\d+) filtered \+ (\d+) quarantined", text)
    total, *rest = map(int, account.groups())
    out = [] if total == sum(rest) else [f"the books do not balance: {account.group(0)}"]
    out += [] if total == records else [f"{total} records were read; the replay read {records}"]
    return out + [f"the service says: {line}" for line in life.said if "input was lost" in line or line.startswith("ERROR")]


def same_as_replay(docs, replayed, left_out, parents):
    """Every episode of the replay is one of the live run and back, and its documents say the same."""
    def of(documents):
        out = {}
        for d in documents:
            ours = d["tidegate"]
            if ours["episode"]["state"] != "merged" and d["finding_info"]["analytic"]["uid"] not in left_out: out.setdefault(ours["episode"]["uid"], []).append(d)
        return out
    live, replay, wrong = of(docs.values()), of(replayed), []
    several = [uid for uid, some in live.items() if len(some) > 1]
    if several: wrong.append(f"{len(several)} episodes have more than one alert: {several[:3]}")
    for name, some, other in (("live", live, replay), ("replay", replay, live)):
        if only := sorted(some.keys() - other.keys()):
            wrong.append(f"{len(only)} alerts only of {name}:" + checks.few((some[uid][0]["finding_info"]["title"], uid) for uid in only))
    paths = {}
    for uid in live.keys() & replay.keys():
        for path in checks.differences(*(stripped(side[uid][0], parents) for side in (live, replay))): paths.setdefault(path, []).append(uid)
    wrong += [f"{path} differs in {len(some)} alerts, for one {some[0]}" for path, some in sorted(paths.items())]
    return wrong, len(live.keys() & replay.keys())


def stripped(document, parents):
    d = json.loads(json.dumps(document))
    flows = any(e.get("name") == "aws/vpcflow" for e in d.get("evidences", []))
    for *path, last in FREE + OF_PARENTS * (d["finding_info"]["analytic"]["uid"] in parents) + OF_PLACES * flows:
        inner = d
        for name in path: inner = inner.get(name) or {}
        inner.pop(last, None)
    # Related events name alerts by their ids, which are of the order of arrival.
    d["finding_info"]["related_events"] = len(d["finding_info"].get("related_events", []))
    return d


def paged(life, docs):
    """Who was to be paged was, once."""
    told = [alert for alert, _ in life.pages]
    due = {i for i, d in docs.items() if d["tidegate"]["paging"]["decision"] == "page"}
    out = [f"{len(due - set(told))} alerts were never paged"] if due - set(told) else []
    return out + ([f"{len(told) - len(set(told))} pages came twice"] if len(told) != len(set(told)) else []), len(due)


def shapes(topic):
    """A page for machines says who, what and how bad, by the names of PagerDuty's events."""
    return [f"page {page.get('dedup_key')} is not as a receiver expects it: {json.dumps(page)[:300]}" for page in topic.heard
            if page.get("event_action") != "trigger" or not page["payload"].get("summary") or page["payload"].get("severity") not in ("critical", "error", "warning", "info")][:3]


def end_to_end(args, parts, folder):
    """Findings, flow logs and trails through three streams, compared with `tidegate replay` of the same records."""
    folder.mkdir(parents=True)
    there, prefix, dice = Organisation(args.binary, folder, args.seed), folder.name, random.Random(f"puts {args.seed}")
    streams = {name: Stream(parts.kinesis_port, f"{prefix}-{name}", shards) for name, shards in STREAMS.items()}
    topic, index = Topic(parts.aws_port, prefix, fifo=False), Index(parts.search_url, prefix)
    config = configuration(parts, folder, there.tables(), prefix, topic)
    run(args.binary, "setup", "opensearch", "-c", config)
    left_out, parents = kinds(args.binary, folder)
    life = Life(args.binary, config, 0)
    try:
        feed(streams, there.records(), life, dice)
        settle(life)
        try: books.check(f"http://{life.address}", 30)
        except AssertionError as why: raise kill_test.Wrong(f"the books: {why}", life) from None
        replayed, records = replay(args.binary, folder, there.tables())
        wrong = stop(life, records)
    finally:
        if life.process.poll() is None: life.process.kill()
        (folder / "life.log").write_bytes(b"\n".join(life.lines))
    docs = checks.documents(folder / "state.db")
    wrong += differences(docs, index.documents(), checks.differences)
    more, same = same_as_replay(docs, replayed, left_out, parents)
    pages, due = paged(life, docs)
    print(f"  {there.counts()} put; {len(docs)} alerts in the index, {due} paged; {same} equal those of the replay, {len(left_out)} rules that wait left out")
    if not due or same < 30: wrong.append("hardly an alert: this test shows nothing")
    return wrong + more + pages + topic.wrong(docs) + shapes(topic)


def second_kinesis(args, parts, folder):
    """End to end once more, from the Kinesis of other authors."""
    with parts.second_kinesis() as beside: return end_to_end(args, beside, folder)


def replay(binary, folder, tables):
    """What `tidegate replay` makes of the same records: its alerts, and how many records it read."""
    alerts = folder / "replay.ndjson"
    done = subprocess.run([str(binary), "replay", "-r", "builtin", *(str(w) for name, f in zip(("--accounts", "--networks", "--intel"), tables) for w in (name, f)),
                           "--alerts", str(alerts), "--summary", "json", str(folder / "organisation/put")], capture_output=True, text=True)
    if done.returncode: raise RuntimeError(f"`replay` ended with {done.returncode}: {done.stderr}")
    summary = json.loads(done.stderr[done.stderr.index("{"):])
    return [json.loads(line) for line in alerts.read_text().splitlines()], summary["records"]
