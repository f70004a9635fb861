"""The trial of the kill test on the real parts: the same random rules and events, put into Kinesis instead of files, with alerts in
OpenSearch beside those in the state file. What must be true at the end is what `tests/crash` says, and that the index holds the same.

A line goes into a record of its own, into one that is compressed, or with others into an aggregate; the shards of the streams are
split and merged meanwhile. The lines are kept in files too, for whoever wants to read them another way.
"""
import gzip, importlib.util, json, random, re, signal, subprocess, sys, threading, time
from pathlib import Path

CRASH = Path(__file__).resolve().parents[2] / "crash"
sys.path += [str(CRASH), str(CRASH.parent / "services")]
spec = importlib.util.spec_from_file_location("kill_test", CRASH / "run.py")   # its name is also that of this folder's program
kill_test = importlib.util.module_from_spec(spec)
spec.loader.exec_module(kill_test)
import books                                                                   # noqa: E402
import checks                                                                  # noqa: E402
from index import Index, differences                                           # noqa: E402
from kinesis import HASH_KEYS, Stream, aggregate                               # noqa: E402
from lab import DAY, GAP, HEARTBEATS, Lab, cases                               # noqa: E402
from life import Life                                                          # noqa: E402
from logbook import Logbook                                                    # noqa: E402
from topic import Topic                                                        # noqa: E402

QUIET = 4                                                                      # seconds without a round and without a delivery: all is done
PATIENCE = 240


class Feeder:
    """Stands for one of the lab's files: what is written goes into a file and, with a flush, into a stream."""

    def __init__(self, stream, file, seed):
        self.stream, self.file, self.random, self.pending = stream, file, random.Random(f"feeder {seed}"), b""
        self.forms = {"plain": 0, "compressed": 0, "aggregated": 0}

    def write(self, data):
        self.file.write(data)
        self.pending += data

    def flush(self):
        self.file.flush()
        lines, self.pending = self.pending.split(b"\n")[:-1], b""
        records = []
        while lines:
            how, n = self.random.random(), 1
            if how < .3 and len(lines) > 1: n = self.random.randint(2, len(lines))
            some, lines = lines[:n], lines[n:]
            form, data = ("aggregated", aggregate(some)) if n > 1 else ("compressed", gzip.compress(some[0])) if how > .9 else ("plain", some[0])
            self.forms[form] += 1
            records.append((data, self.random.randrange(HASH_KEYS)))
        self.stream.put(records)

    def everywhere(self, events):
        """One event into each shard that takes records."""
        shards = self.stream.open()
        lines = [json.dumps(e, ensure_ascii=False).encode() for e in events]
        self.file.write(b"\n".join(lines) + b"\n"); self.file.flush()
        self.stream.put([(line, first) for line, (first, _, _) in zip(lines, shards, strict=True)])


class LiveLab(Lab):
    """Feeds streams, and reshards them between two pieces."""

    def __init__(self, seed, folder, sources, port, shards, every):
        super().__init__(seed, folder, sources)
        self.dice, self.every, self.pieces_fed = random.Random(f"reshards {seed}"), every, 0
        self.streams = {name: Stream(port, stream_name(folder, name), shards) for name in sources}
        self.files = [Feeder(self.streams[name], file, f"{seed} {name}") for name, file in zip(sources, self.files)]

    def feed(self):
        super().feed()
        self.pieces_fed += 1
        if self.every and self.pieces_fed % self.every == 0: self.dice.choice(list(self.streams.values())).reshard(self.dice)

    def finish(self):
        """The rest of the block, and heartbeats in every shard: no other word moves the watermark of events that bring their arrival."""
        while self.pieces: self.feed()
        lines = []
        for day in range(HEARTBEATS):
            at = cases.EPOCH + GAP + day * DAY
            for feeder in self.files:
                some = [dict(t=at, a=at, k="heartbeat") for _ in feeder.stream.open()]
                feeder.everywhere(some)
                lines += some
        self.seen["lines"] += len(lines)
        self.ask(lines)

    def told(self):
        forms = {form: sum(f.forms[form] for f in self.files) for form in self.files[0].forms}
        streams = self.streams.values()
        return (f"{sum(s.splits for s in streams)} splits and {sum(s.merges for s in streams)} merges, {sum(len(s.open()) for s in streams)} shards at the end; "
                + ", ".join(f"{n} records {form}" for form, n in forms.items()))


def stream_name(folder, source): return f"{folder.name}-{source}"


class LiveTrial(kill_test.Trial):
    """One state file, its configuration, its streams and its index."""

    def __init__(self, args, parts, seed, folder, pipelines=2, shards=2, reshard_every=40):
        self.parts, self.shards, self.reshard_every, self.doors, self.balanced = parts, shards, reshard_every, {}, []
        self.index, self.topic = Index(parts.search_url, folder.name), Topic(parts.aws_port, folder.name)
        super().__init__(args, seed, folder, ["one", "two"], pipelines)
        self.log = Watched(folder / "state.db")

    def laboratory(self, seed, folder, sources):
        lab = LiveLab(seed, folder, sources, self.parts.kinesis_port, self.shards, self.reshard_every)
        for name in sources: (folder / f"{name}.empty").write_bytes(b"")
        return lab

    def configure(self, name, state, rules, follow, kinesis_url=None, search_url=None, aws_url=None):
        """`again` reads nothing: it applies a log. `other` has no part in OpenSearch and SNS."""
        def reads(s):
            if name == "again": return f"    file: ./{s}.empty\n    follow: false\n"
            return f"    kinesis: {{stream: {stream_name(self.folder, s)}, endpoint_url: '{kinesis_url or self.parts.kinesis_url}'}}\n"
        sources = "".join(f"  - name: {s}\n{reads(s)}    format: json\n    json: {{product: lab, service: lab, time_field: t, arrival_field: a}}\n" for s in self.sources)
        outside = "" if name in ("again", "other") else (f"  opensearch: {{url: '{search_url or self.parts.search_url}', index_prefix: {self.index.prefix}}}\n"
                                                         f"  sns: {{routes: {{default: '{self.topic.arn}'}}, endpoint_url: '{aws_url or self.parts.aws_url}'}}\n")
        (self.folder / f"{name}.yaml").write_text(f"state: ./{state}.db\nrules: [./{rules}]\nlease: 1s\npipelines: {self.pipelines}\nsources:\n{sources}"
                                        f"sinks:\n  ndjson: {{file: ./{state}.ndjson}}\n{outside}paging: {{pages_per_hour: 100000}}\n"
                                        "snapshots: {every: 1s}\nhttp: {listen: '127.0.0.1:0'}\nlog: {format: json}\n")
        if name == "tidegate": self.set_up()

    def set_up(self):
        done = subprocess.run([str(self.args.binary), "setup", "opensearch", "-c", str(self.folder / "tidegate.yaml")], capture_output=True, text=True)
        if done.returncode: raise RuntimeError(f"`setup opensearch` ended with {done.returncode}: {done.stdout}{done.stderr}")

    # ---- the end -----------------------------------------------------------------------------------------------------

    def settle(self, life, seconds=PATIENCE, lanes=True):
        """Watches until nothing is done any more: no round, no delivery under way."""
        began = last = time.monotonic()
        while (now := time.monotonic()) - last < QUIET:
            if now - began > seconds: raise kill_test.Wrong(f"life {life.number} does not come to rest in {seconds} s", life)
            self.log.look(now)
            read = life.read(.1)
            if read is None: raise kill_test.Wrong(f"life {life.number} ended by itself", life)
            busy = any(n for key, n in life.open.items() if key[0] == "lane" and (lanes or key[1] == "log"))
            if busy or any(message for message, _ in read): last = now

    def end(self, config="end.yaml"):
        """A last life that reads everything, and is then asked to stop. Streams have no end."""
        life = self.start(config)
        self.settle(life)
        self.balance(life, "at the end", True)
        return self.stop(life)

    def balance(self, life, when, settled=False):
        """The three books, as the running service shows them; settled: and nothing waits."""
        try: metrics = books.check(f"http://{life.address}", 30 if settled else None)
        except (AssertionError, OSError) as why: raise kill_test.Wrong(f"the books {when}: {why}", life) from None
        self.balanced.append((when, books.total(metrics, "tidegate_alerts_total")))
        if losses := books.total(metrics, "tidegate_source_losses_total"): raise kill_test.Wrong(f"{losses} losses are counted {when}", life)
        return metrics

    def stop(self, life):
        began = time.monotonic()
        life.process.send_signal(signal.SIGTERM)
        life.drain()
        self.log.look()
        if life.process.returncode != 0: raise kill_test.Wrong(f"the last life ended with {life.process.returncode}", life)
        if (took := time.monotonic() - began) > 10: raise kill_test.Wrong(f"SIGTERM took {took:.1f} s", life)
        return life

    def books(self, life):
        """What went in is what was counted; nothing waits."""
        text = "\n".join(life.said)
        said = re.search(r"stopped: (\d+) records, (\d+) alerts, (\d+) pages; (\d+) deliveries", text)
        account = re.search(r"books: (\d+) records = (\d+) events \+ (\d+) filtered \+ (\d+) quarantined", text)
        if not said or not account: return [f"the program did not say how it ended: {life.said[-3:]}"]
        records, _, _, waiting = map(int, said.groups())
        total, *rest = map(int, account.groups())
        out = [] if records == self.lab.seen["lines"] else [f"{self.lab.seen['lines']} lines were put, {records} records were counted"]
        out += [] if total == sum(rest) else [f"the books do not balance: {total} records are not {' + '.join(map(str, rest))}"]
        return out + ([f"{waiting} deliveries wait though all sinks work"] if waiting else [])

    def applied_again(self, docs):
        wrong = Reapplied(self.log).apply(self.args.binary, self.folder / "again.yaml", self.folder / "again.db")
        return wrong or [f"the same log applied by one process: {what}" for what in checks.same_of_one_log(docs, checks.documents(self.folder / "again.db"))]

    def finish(self):
        """What the kill test asks, that OpenSearch holds the same, and that no page came twice through a FIFO topic."""
        wrong, docs, repeated = super().finish()
        return wrong + self.indexed(docs) + self.topic.wrong(docs), docs, repeated

    def indexed(self, docs):
        found = self.index.documents()
        out = differences(docs, found, checks.differences)
        sample = random.Random(len(docs)).sample(sorted(docs), min(20, len(docs)))
        for alert in sample:
            where = self.index.index_of(alert)
            if len(where) != 1 or not self.index.by_id(where[0], alert)["found"]: out.append(f"alert {alert} is found in {where} by its id")
        return out

    def lost(self):
        """What the program itself called lost."""
        return [f"life {life.number} says: {line}" for life in self.lives for line in life.said if "input was lost" in line]

    def leave(self):
        self.log.stop.set()
        super().leave()
        for door in self.doors.values(): door.shut()


class Watched(Logbook):
    """The log, copied by a thread of its own: whoever waits for a service beside does not look often enough."""

    def __init__(self, state):
        super().__init__(state)
        self.lock, self.stop = threading.Lock(), threading.Event()
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self):
        while not self.stop.wait(.1): self.look()

    def look(self, now=None):
        with self.lock: super().look(now)


class Reapplied(Logbook):
    """The log of a service that read streams, applied by one that reads nothing: how far streams were read is nothing to it."""
    forgotten = Logbook.forgotten + ("positions",)

    def __init__(self, log): self.__dict__ = dict(log.__dict__)
