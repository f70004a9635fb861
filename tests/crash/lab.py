"""The input: blocks of random events with their rules, made by the oracle's generators, fed to several files piece by piece.

A block is one case of `tests/oracle`; blocks are days apart, so that no window reaches from one into the next and the oracle can
judge each alone, in a process of its own while the kills go on. Every event states its arrival. At the end heartbeats, days
later each, close every episode.
"""
import importlib.util, json, multiprocessing, os, random, sys
from collections import Counter
from pathlib import Path

BESIDE = Path(__file__).resolve().parents[1] / "oracle"
sys.path.append(str(BESIDE))
spec = importlib.util.spec_from_file_location("cases", BESIDE / "run.py")       # its name is also that of this folder's program
cases = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cases)
from oracle import Oracle                                                      # noqa: E402

DAY = 86_400_000
GAP = 3 * DAY                                                                  # more than any lateness, timespan and jump of one block
HEARTBEATS = 5
PIECE = 6                                                                      # lines, on the average
LINES_MAX = 120                                                                # of one block: the oracle is slow


def rules_of(seed):
    """The rules of a run: correlations of every kind with children and parents, and detections; some of them page."""
    r = random.Random(f"rules {seed}")
    unit = r.choice([1, 10, 60, 600])
    correlations = [c for i in range(14) for c in cases.family(r, 100 + 10 * i, unit)]
    alone = [cases.stateless(r, 1000 + i) for i in range(2)]
    for rule in correlations + alone: rule["level"] = r.choice(["low", "medium", "high", "critical"])
    return unit, cases.BASE + correlations + alone


def unrelated(n):
    """Rules that no event meets; another `n` is another rule set, and shifts the numbers of the rules behind it."""
    names = [f"unrelated{i}" for i in range(n % 3 + 1)]
    some = [cases.detection(9000 + i, name, {"s": {"k": f"nobody {n}"}}, "s") for i, name in enumerate(names)]
    some.append(dict(title="unrelated", id=cases.uid(9100), name="unrelated", level="high",
                     correlation={"type": "event_count", "rules": names[:1], "group-by": ["u"], "timespan": "1m", "condition": {"gte": n % 7 + 1}}))
    return "---\n".join(cases.yaml(rule) for rule in some)


def judge(job):
    """One block by the oracle."""
    number, rules, lines = job
    oracle = Oracle(rules, lines, "t", "a")
    return number, oracle.alerts(), len(oracle.late), oracle.skewed


class Lab:
    """Files that grow, what the oracle says of them, and what is in them."""

    def __init__(self, seed, folder, sources):
        self.seed, self.sources = seed, sources
        self.unit, self.rules = rules_of(seed)
        self.files = [open(folder / f"{name}.ndjson", "ab") for name in sources]
        self.pieces, self.block, self.seen = [], 0, Counter()
        self.pool = multiprocessing.Pool(1, os.nice, (10,))
        self.judged = []

    def feed(self):
        """Appends the next piece."""
        if not self.pieces: self.make(self.next_block())
        number, data = self.pieces.pop(0)
        self.files[number].write(data); self.files[number].flush()

    def finish(self):
        """The rest of the block, and heartbeats in every file."""
        while self.pieces: self.feed()
        at = cases.EPOCH + GAP
        lines = [dict(t=at + i * DAY, a=at + i * DAY, k="heartbeat") for i in range(HEARTBEATS) for _ in self.sources]
        for i, e in enumerate(lines): self.write(i % len(self.sources), [e])
        self.ask(lines)
        while self.pieces: self.feed()

    def next_block(self):
        r = random.Random(f"block {self.seed} {self.block}")
        cases.EPOCH = 1_600_000_000_000 + self.block * GAP
        while len(lines := cases.events(r, self.unit, True)) > LINES_MAX: pass
        self.ask(lines)
        return r, lines

    def ask(self, lines):
        self.judged.append(self.pool.apply_async(judge, ((self.block, self.rules, lines),)))
        self.block += 1

    def make(self, block):
        r, lines = block
        while lines:
            n = min(len(lines), r.randint(1, 2 * PIECE - 1))
            self.write(r.randrange(len(self.sources)), lines[:n])
            lines = lines[n:]
            if r.random() < .03: self.broken(r)

    def write(self, source, lines):
        self.pieces.append((source, "".join(json.dumps(e, ensure_ascii=False) + "\n" for e in lines).encode()))
        self.seen["lines"] += len(lines)

    def broken(self, r):
        """A line that is no event: it goes to the quarantine, once."""
        self.pieces.append((r.randrange(len(self.sources)), b'{"t": 1, "broken ' + str(self.seen["broken lines"]).encode() + b"\n"))
        self.seen["lines"] += 1; self.seen["broken lines"] += 1

    def verdict(self):
        """Every alert there should be."""
        alerts = []
        for block in self.judged:
            _, some, late, skewed = block.get()
            alerts += some; self.seen["late events"] += late; self.seen["events with a forged time"] += skewed
        self.pool.close()
        return alerts

    def kinds(self):
        """{what: ids of rules} of the kinds of cases that must have occurred."""
        named = {key: r for r in self.rules for key in (r["id"], r.get("name"))}
        of = {r["id"]: r["correlation"] for r in self.rules if "correlation" in r}
        def waits(c): return "not " in str(c.get("condition")) or c["type"] in ("value_avg", "value_median", "value_percentile") \
            or isinstance(c.get("condition"), dict) and bool({"lt", "lte", "eq", "neq"} & set(c["condition"]))
        return {"waiting": {i for i, c in of.items() if waits(c)},
                "parent": {i for i, c in of.items() if any("correlation" in named[n] for n in c["rules"])}}
