"""How long from a record put into Kinesis until its alert is found by a search, above what the parts themselves take.

A floor is measured beside, at the same moments: a document put straight into an index with the same settings until a search finds it,
and a record put until a bare reader has it. Figures, no verdict: they depend on the machine.
"""
import datetime, http.client, json, random, threading, time
from index import Index
from kinesis import HASH_KEYS, Kinesis, Stream
from life import Life
from organisation import run
from trial import kill_test

FINDINGS, EVERY, PATIENCE = 400, .1, 60


def finding(n, now):
    """A finding that makes an alert of its own."""
    at = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    account, uid = f"{200_000_000_000 + n % 40}", f"{n:032x}"
    return json.dumps({
        "version": "0", "id": uid, "detail-type": "GuardDuty Finding", "source": "aws.guardduty", "account": account, "time": at, "region": "eu-west-1", "resources": [],
        "detail": {"schemaVersion": "2.0", "accountId": account, "region": "eu-west-1", "partition": "aws", "id": uid, "arn": arn(n), "type": "Recon:EC2/Portscan",
                   "severity": 5, "createdAt": at, "updatedAt": at, "title": "Port scan", "description": "An instance scans ports.",
                   "resource": {"resourceType": "Instance", "instanceDetails": {"instanceId": f"i-{n:017x}"}},
                   "service": {"serviceName": "guardduty", "count": 1, "archived": False, "eventFirstSeen": at, "eventLastSeen": at,
                               "action": {"actionType": "PORT_PROBE"}}}}).encode()


def arn(n): return f"arn:aws:guardduty:eu-west-1:{200_000_000_000 + n % 40}:detector/d/finding/{n:032x}"


class Searcher(threading.Thread):
    """Asks again and again which of the waiting names are found, and notes when."""

    def __init__(self, index, field):
        super().__init__(daemon=True)
        self.index, self.field, self.put, self.found, self.open = index, field, {}, {}, True

    def run(self):
        while self.open:
            waiting = [name for name in list(self.put) if name not in self.found]
            if not waiting: time.sleep(.005); continue
            query = {"size": len(waiting), "_source": [self.field], "query": {"terms": {self.field: waiting}}}
            hits = self.index.call("POST", f"/{self.index.prefix}/_search?ignore_unavailable=true", query)["hits"]["hits"]
            now = time.monotonic()
            for hit in hits:
                value = hit["_source"]
                for part in self.field.split("."): value = value[part]
                self.found.setdefault(value, now)

    def took(self): return sorted(self.found[name] - at for name, at in self.put.items() if name in self.found)


class Reader(threading.Thread):
    """Reads one shard of a stream without a pause."""

    def __init__(self, stream):
        super().__init__(daemon=True)
        self.kinesis, self.seen, self.open = Kinesis(stream.kinesis.port), {}, True
        self.at = self.kinesis.call("GetShardIterator", StreamName=stream.name, ShardId=stream.open()[0][2], ShardIteratorType="TRIM_HORIZON")["ShardIterator"]

    def run(self):
        while self.open:
            answer = self.kinesis.call("GetRecords", ShardIterator=self.at)
            self.at, now = answer["NextShardIterator"], time.monotonic()
            for record in answer["Records"]: self.seen[record["PartitionKey"]] = now
            time.sleep(.002)


def settings(index):
    """Of the first index the service made."""
    made = next(iter(index.call("GET", f"/{index.prefix}-v1-*/_settings").values()))["settings"]["index"]
    return {key: made[key] for key in ("refresh_interval", "number_of_shards", "number_of_replicas") if key in made}


def searchable(args, parts, folder):
    """Put until searchable, above the floor of the parts and of the refresh: pushed by enhanced fan-out, and polled."""
    return measured(args, parts, folder / "fan_out", "fan_out") + measured(args, parts, folder / "polling", "polling")


def measured(args, parts, folder, consumer):
    folder.mkdir(parents=True)
    name, dice = f"searchable-{consumer.replace('_', '-')}", random.Random(f"searchable {args.seed}")
    stream, bare = Stream(parts.kinesis_port, name, 2), Stream(parts.kinesis_port, f"{name}-bare", 1)
    index, floor = Index(parts.search_url, name), Index(parts.search_url, f"{name}-floor")
    (folder / "tidegate.yaml").write_text(
        f"state: ./state.db\nsources: [{{name: findings, format: guardduty, kinesis: {{stream: {name}, consumer: {consumer}, endpoint_url: '{parts.kinesis_url}'}}}}]\n"
        f"sinks: {{opensearch: {{url: '{parts.search_url}', index_prefix: {name}}}}}\nhttp: {{listen: '127.0.0.1:0'}}\nlog: {{format: json}}\n")
    run(args.binary, "setup", "opensearch", "-c", folder / "tidegate.yaml")
    life = Life(args.binary, folder / "tidegate.yaml", 0)
    try:
        stream.put([(finding(10 ** 9, datetime.datetime.now(datetime.timezone.utc)), 0)])     # makes the index
        until = time.monotonic() + PATIENCE
        while not index.call("GET", f"/{index.prefix}-v1-*/_settings"):
            if life.read(.1) is None or time.monotonic() > until: raise kill_test.Wrong("no alert comes", life)
        floor.call("PUT", f"/{floor.prefix}", {"settings": settings(index), "mappings": {"properties": {"uid": {"type": "keyword"}}}})
        watchers = Searcher(index, "finding_info.uid_alt"), Searcher(floor, "uid"), Reader(bare)
        for watcher in watchers: watcher.start()
        read = put_all(life, stream, bare, floor, watchers, dice)
        until = time.monotonic() + PATIENCE
        while any(len(w.found) < FINDINGS for w in watchers[:2]) and time.monotonic() < until: life.read(.05)
        for watcher in watchers: watcher.open = False
    finally:
        if life.process.poll() is None: life.process.kill()
        (folder / "life.log").write_bytes(b"\n".join(life.lines))
    ours, bare_search = (w.took() for w in watchers[:2])
    read = sorted(watchers[2].seen[n] - at for n, at in read.items() if n in watchers[2].seen)
    for share, due in ((.5, 150), (.99, 500)):
        whole, search, reading = (1000 * some[min(len(some) - 1, int(share * len(some)))] for some in (ours, bare_search, read))
        print(f"  {consumer} p{100 * share:.0f}: {whole:.0f} ms put to searchable; floor {search:.0f} ms in the index, {reading:.0f} ms in the stream; "
              f"{whole - search - reading:.0f} ms above (due {due})")
    return [] if len(ours) == len(bare_search) == FINDINGS else [f"{len(ours)} of {FINDINGS} alerts were found by a search, {len(bare_search)} of the floor's documents"]


def put_all(life, stream, bare, floor, watchers, dice):
    """A finding, a document and a bare record at each beat. Answers when each bare record was put."""
    put, connection = {}, http.client.HTTPConnection(floor.at.hostname, floor.at.port, timeout=60)
    for n in range(FINDINGS):
        beat = time.monotonic() + EVERY * dice.uniform(.5, 1.5)
        watchers[0].put[arn(n)] = time.monotonic()
        stream.put([(finding(n, datetime.datetime.now(datetime.timezone.utc)), dice.randrange(HASH_KEYS))])
        watchers[1].put[f"d{n}"] = time.monotonic()
        connection.request("PUT", f"/{floor.prefix}/_doc/{n}", json.dumps({"uid": f"d{n}"}), {"Content-Type": "application/json"})
        connection.getresponse().read()
        put[f"b{n}"] = time.monotonic()
        bare.kinesis.call("PutRecord", StreamName=bare.name, Data="YQ==", PartitionKey=f"b{n}")
        while (left := beat - time.monotonic()) > 0:
            if life.read(left) is None: raise kill_test.Wrong("the service ended by itself", life)
    return put
