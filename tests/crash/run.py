#!/usr/bin/env python3
"""The kill test: the real program, killed again and again while its input grows, must come to what the oracle says.

    run.py --kills 100 --seed 1 --binary target/debug/tidegate        exit 1 on any difference; what was found is kept in --keep

SIGKILLs are spread over six windows of the program's work (see life.py). Then a second process on the same state file takes over
from one that was killed, and from one that was stopped and is woken again. A seed gives the same input and the same choice of
windows; when a signal lands is the machine's.
"""
import argparse, json, os, random, re, shutil, signal, subprocess, sys, tempfile, time
from collections import Counter
from pathlib import Path
import checks
from lab import Lab, unrelated
from life import ELSEWHERE, WINDOWS, Life
from logbook import Logbook
from takeover import takeover

LEAST = 5                                                                      # kills in every window
TRIGGERS = {WINDOWS[0]: ["appending"], WINDOWS[1]: ["appended"], WINDOWS[2]: ["sending", "page", "page", "answered", "acknowledging"],
            WINDOWS[3]: ["snapshot", "snapshot piece", "snapshot sealing"], WINDOWS[4]: ["restarting", "catching up", "catching up"], WINDOWS[5]: ["reloading"]}
FEED_SECONDS = .04
PART = 100
LONG = 6                                                                       # seconds of a life whose window does not come
PIECES = (4, 12)                                                               # appended in one life; more only if its window does not come


class Trial:
    """One state file, its configuration and its input."""

    def __init__(self, args, seed, folder, sources, pipelines):
        self.args, self.folder, self.sources, self.pipelines = args, folder, sources, pipelines
        self.random = random.Random(f"kills {seed}")
        folder.mkdir(parents=True)
        (folder / "rules").mkdir()
        self.lab = self.laboratory(seed, folder, sources)
        (folder / "rules/lab.yml").write_text("---\n".join(checks.cases.yaml(rule) for rule in self.lab.rules))
        self.lives, self.changes, self.fed, self.left = [], 0, 0.0, 0
        self.change_rules()
        (folder / "other-rules").mkdir()
        for file in (folder / "rules").iterdir(): shutil.copy(file, folder / "other-rules")
        for name, state, rules, follow in [("tidegate", "state", "rules", True), ("end", "state", "rules", False), ("other", "other", "other-rules", True), ("again", "again", "rules", False)]:
            self.configure(name, state, rules, follow)
        self.other = Undisturbed(args.binary, folder)
        self.log = Logbook(folder / "state.db")

    def laboratory(self, seed, folder, sources): return Lab(seed, folder, sources)

    def configure(self, name, state, rules, follow):
        sources = "".join(f"  - name: {s}\n    file: ./{s}.ndjson\n    follow: {str(follow).lower()}\n    format: json\n"
                          "    json: {product: lab, service: lab, time_field: t, arrival_field: a}\n" for s in self.sources)
        (self.folder / f"{name}.yaml").write_text(f"state: ./{state}.db\nrules: [./{rules}]\nlease: 1s\npipelines: {self.pipelines}\nsources:\n{sources}"
                                        f"sinks:\n  ndjson: {{file: ./{state}.ndjson}}\npaging: {{pages_per_hour: 100000}}\n"
                                        "snapshots: {every: 1s}\nlog: {format: json}\n")

    def change_rules(self):
        self.changes += 1
        (self.folder / "rules/a-unrelated.yml.tmp").write_text(unrelated(self.changes))
        (self.folder / "rules/a-unrelated.yml.tmp").rename(self.folder / "rules/a-unrelated.yml")

    def start(self, config="tidegate.yaml"):
        self.left = self.random.randint(*PIECES)
        life = Life(self.args.binary, self.folder / config, len(self.lives))
        self.lives.append(life)
        return life

    def feed(self, now):
        self.log.look(now)
        if now - self.fed < FEED_SECONDS or self.left <= 0 and now - self.fed < .4: return
        self.lab.feed(); self.fed = now; self.left -= 1

    # ---- kills -------------------------------------------------------------------------------------------------------

    def kill_in(self, wanted):
        """One life that ends in the wanted window, if the signal lands there."""
        trigger, hot = self.random.choice(TRIGGERS[wanted]), self.random.random() < .4
        if wanted == WINDOWS[5] and not hot: self.change_rules()
        nth = {WINDOWS[3]: 1, WINDOWS[5]: 1, WINDOWS[4]: self.random.choice([1, 2, 5, 10])}.get(wanted, self.random.randint(1, 4))
        if trigger in ("restarting", "snapshot"): nth = 1
        snapshots = int(self.random.random() < .3)                             # some lives see one first, so that others start from it
        life, began, count = self.start(), time.monotonic(), 0
        while True:
            now = time.monotonic()
            self.feed(now)
            read = life.read(FEED_SECONDS / 2)
            if read is None: raise Wrong(f"life {life.number} ended by itself", life)
            for message, fields in read:
                if life.count["snapshot sealed"] < snapshots and wanted != WINDOWS[4]: continue
                count += message == trigger and not (trigger == "sending" and self.random.random() < .7 and fields["lane"] != "log")
                if message == "caught up" and wanted == WINDOWS[4]: trigger, nth, count = "appending", 1, 0      # there was less to catch up
                if message == "applied" and wanted == WINDOWS[5] and hot and life.count["reloading"] == 0 and count == 0:
                    hot = False; self.change_rules(); life.process.send_signal(signal.SIGHUP)
            if count >= nth or now > began + LONG: break
            if now > began + LONG / 2: trigger, nth, snapshots = self.random.choice(TRIGGERS[wanted]), 1, 0      # it does not come so often
        window = life.kill()
        self.log.look()
        return window

    def kill_all(self, kills, least):
        hits, also = Counter(), Counter()
        quota = max(least, kills * 2 // 3 // len(WINDOWS))
        began = time.monotonic()
        while sum(hits.values()) < kills or any(hits[w] < least for w in WINDOWS):
            short = [w for w in WINDOWS if hits[w] < quota]
            hit = self.kill_in(self.random.choice(short or WINDOWS))
            hits[hit] += 1
            also.update(self.lives[-1].also() - {hit})
            if sum(hits.values()) > 3 * kills + 50: raise Wrong(f"some window is never hit: {dict(hits)}")
        return hits, also, time.monotonic() - began

    # ---- the end -----------------------------------------------------------------------------------------------------

    def end(self, config="end.yaml"):
        """A last life that reads everything and ends by itself."""
        life = self.start(config)
        code = life.end(300, lambda: self.log.look(time.monotonic()))
        self.log.look()
        if code != 0: raise Wrong(f"the last life ended with {code}", life)
        return life

    def finish(self):
        """Everything is read; then all that must be true. Answers what is wrong and the numbers to tell."""
        self.lab.finish()
        wrong = self.books(self.end())
        wanted = self.lab.verdict()
        state = self.folder / "state.db"
        docs = checks.documents(state)
        wrong += checks.episodes(docs, wanted) + checks.states(docs)
        wrong += checks.lines_of_alerts(self.folder / "state.ndjson", docs)
        page, repeated = checks.pages(self.lives, docs)
        wrong += page + checks.state_file(state, self.lab.seen["broken lines"]) + self.listed(docs)
        wrong += self.log.whole() or self.applied_again(docs)
        wrong += self.other.end(self.lab.seen["lines"])
        wrong += [f"against an undisturbed run: {what}" for what in checks.same_as_undisturbed(
            docs, checks.documents(self.folder / "other.db"), len(self.sources) > 1, self.lab.kinds()["parent"])]
        return wrong, docs, repeated

    def leave(self):
        """No process is left behind; what every life said is there for whoever looks into a failure."""
        for process in [self.other.process] + [life.process for life in self.lives]:
            if process.poll() is None: process.kill(); process.wait()
        (self.folder / "lives").mkdir(exist_ok=True)
        for life in self.lives: (self.folder / f"lives/{life.number:04}.log").write_bytes(b"\n".join(life.lines) + b"\n" + life.rest)

    def books(self, life):
        said = re.search(r"every source has ended: (\d+) records, (\d+) alerts, (\d+) pages; (\d+) deliveries", "\n".join(life.said))
        if not said: return [f"the program did not say how it ended: {life.said[-3:]}"]
        records, _, _, waiting = map(int, said.groups())
        out = [] if records == self.lab.seen["lines"] else [f"{self.lab.seen['lines']} lines were written, {records} records were counted"]
        return out + ([f"{waiting} deliveries wait though all sinks work"] if waiting else [])

    def applied_again(self, docs):
        wrong = self.log.apply(self.args.binary, self.folder / "again.yaml", self.folder / "again.db")
        return wrong or [f"the same log applied by one process: {what}" for what in checks.same_of_one_log(docs, checks.documents(self.folder / "again.db"))]

    def listed(self, docs):
        done = subprocess.run([str(self.args.binary), "alerts", "list", "--state", str(self.folder / "state.db"), "--json", "--limit", "100000"], capture_output=True, text=True)
        if done.returncode: return [f"`alerts list` ended with {done.returncode}: {done.stderr}"]
        n = len(listing(done.stdout))
        return [] if n == len(docs) else [f"`alerts list` shows {n} alerts of {len(docs)}"]


class Undisturbed:
    """Another service that reads the same files as they grow, with a state of its own, and is left alone."""

    def __init__(self, binary, folder):
        self.lines = folder / "other.ndjson"
        self.log = open(folder / "other.log", "wb")
        self.process = subprocess.Popen([str(binary), "run", "-c", str(folder / "other.yaml")], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=self.log, env=dict(os.environ, TIDEGATE_LOG="warn"), cwd=folder)

    def end(self, lines):
        """Stops it when it has read everything; what is wrong about that."""
        size = None
        while size != (size := self.lines.stat().st_size): time.sleep(2)
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        took = time.monotonic() - began
        said = "\n".join(Path(self.log.name).read_text().splitlines()[-2:])
        out = [] if code == 0 and f": {lines} records," in said and f"books: {lines} records =" in said else [f"the undisturbed run ended with {code} and read not {lines} lines: {said}"]
        return out + ([f"SIGTERM took {took:.1f} s"] if took > 10 else [])


class Wrong(Exception):
    def __init__(self, what, life=None):
        super().__init__(what + (":\n  " + "\n  ".join(life.said[-5:] + [line.decode(errors="replace")[:300] for line in life.lines[-5:]]) if life else ""))


def listing(text):
    text = text.strip()
    try: out = json.loads(text)
    except ValueError: return text.splitlines()
    return out if isinstance(out, list) else out.get("alerts", [out])


MUST = ["late events", "merged alerts", "alerts of rules that wait", "alerts of parents", "alerts to be paged", "broken lines"]


def occurred(trial, docs, repeated):
    """What really occurred."""
    kinds, seen = trial.lab.kinds(), Counter(trial.lab.seen)
    for d in docs.values():
        ours, rule = d["tidegate"], d["finding_info"]["analytic"]["uid"]
        seen["alerts"] += 1
        seen["merged alerts"] += ours["episode"]["state"] == "merged"
        seen["alerts of rules that wait"] += rule in kinds["waiting"]
        seen["alerts of parents"] += rule in kinds["parent"]
        seen["alerts to be paged"] += ours["paging"]["decision"] == "page"
    seen["pages sent again, marked"] = repeated
    for life in trial.lives:
        seen["snapshots sealed"] += life.count["snapshot sealed"]
        if life.started: seen["starts from a snapshot"] += life.started["applied_again"] < life.started["position"]
        seen["rounds applied again"] += life.count["catching up"]
        seen["rounds"] += life.count["applied"]
    return seen


def kill_test(args, seed, folder, sources, pipelines, kills, least):
    """Kills over files and pipelines; what is wrong, kills by window, those that were open beside, what occurred."""
    trial = Trial(args, seed, folder, sources, pipelines)
    try:
        hits, also, seconds = trial.kill_all(kills, least)
        wrong, docs, repeated = trial.finish()
    finally: trial.leave()
    with_pages = sum(bool(life.unheard) for life in trial.lives)
    print(f"{sum(hits.values())} kills in {seconds:.0f} s over {len(sources)} files and {pipelines} pipelines, {with_pages} with pages sent and not noted", flush=True)
    most = 10 * pipelines * with_pages
    if repeated > most: wrong.append(f"{repeated} pages were sent again, more than the {most} that can have been under way")
    return wrong, hits, also, occurred(trial, docs, repeated)


def takeover_test(args, seed, folder):
    trial = Trial(args, seed, folder, ["one", "two"], 2)
    try:
        wrong, said = takeover(trial, args.takeovers // 2, args.takeovers)
        rest, docs, repeated = trial.finish()
    finally: trial.leave()
    print(said, flush=True)
    return wrong + rest, occurred(trial, docs, repeated)


def shares(kills):
    """At most a hundred kills for one state file: the oracle is slow, and other seeds make other rules."""
    parts = -(-kills // PART)
    return [kills // parts + (i < kills % parts) for i in range(parts)]


def everything(args, folder):
    hits, also, seen, wrong = Counter(), Counter(), Counter(), []
    trials = [(f"{seed}-{files}", files, kills) for seed, all in enumerate(shares(args.kills)) for files, kills in ((2, all - all // 3), (1, all // 3)) if kills]
    for name, files, kills in trials:
        least = -(-LEAST * kills // args.kills)
        some, *rest = kill_test(args, f"{args.seed}-{name}", folder / f"kills-{name}", ["one", "two"][:files], files, kills, least)
        wrong += some
        for total, part in zip((hits, also, seen), rest): total.update(part)
        if wrong: break                                                         # its files are kept; those of a good trial are not
        shutil.rmtree(folder / f"kills-{name}")
    if args.takeovers and not wrong:
        some, part = takeover_test(args, args.seed, folder / "takeover")
        wrong += some; seen.update(part)
    print(f"{'kills':>8} {'also open':>10}  window")
    if sum(hits.values()) >= args.kills: wrong += [f"only {hits[w]} kills {w}" for w in WINDOWS if hits[w] < LEAST]
    for window in WINDOWS + [ELSEWHERE]: print(f"{hits[window]:8} {also[window]:10}  {window}")
    for what, n in sorted(seen.items()): print(f"{n:8} {what}")
    return wrong + [f"the input holds no {what}" for what in MUST if not seen[what]]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    here = Path(__file__).resolve().parents[2]
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--takeovers", type=int, default=10, help="owners that are stopped and woken; half as many are killed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--binary", type=Path, default=here / "target/debug/tidegate")
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "tidegate-crash", help="where a failed run is kept")
    args = parser.parse_args()
    args.binary = args.binary.resolve()
    folder = args.keep.resolve() / f"seed-{args.seed}"
    shutil.rmtree(folder, ignore_errors=True)
    began = time.monotonic()
    try: wrong = everything(args, folder)
    except Wrong as why: wrong = [str(why)]
    for what in wrong: print(f"WRONG: {what}")
    print(f"seed {args.seed}: {'everything is kept in ' + str(folder) if wrong else 'nothing lost, nothing doubled'}; {time.monotonic() - began:.0f} s")
    if not wrong: shutil.rmtree(folder)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
