"""Parts that go away and come back, an index that refuses documents, and shards that split and merge under load."""
import json, signal, subprocess, threading, time
from parts import Door
from trial import LiveTrial, checks, kill_test

FEED_SECONDS, SLOWLY = .03, .3
OUTAGE = 8
RESHARDS = 20
MONTH = "2020.09"                                                              # the first blocks of the lab lie in it
# Values of group keys are names: no numbers.
CONFLICT = {"properties": {"tidegate": {"properties": {"group_key_text": {"type": "integer"}}}}}


class FaultTrial(LiveTrial):
    """One life, through doors that can be shut."""

    pace = FEED_SECONDS

    def begin(self, **doors):
        """Doors by what they stand before: `kinesis_url=port`."""
        self.doors = {name: Door(port) for name, port in doors.items()}
        self.configure("faults", "state", "rules", True, **{name: f"http://127.0.0.1:{door.port}" for name, door in self.doors.items()})
        self.life = self.start("faults.yaml")
        self.watch(30, lambda: self.life.started, "the service does not start")

    def watch(self, seconds, until=lambda: False, why=None):
        """Feeds and reads for a while, or until something is so."""
        began = fed = time.monotonic()
        while (now := time.monotonic()) - began < seconds:
            self.log.look(now)
            if now - fed > self.pace: self.lab.feed(); fed = now
            if self.life.read(.01) is None: raise kill_test.Wrong("the service ended by itself", self.life)
            if until(): return now - began
        if why: raise kill_test.Wrong(why, self.life)
        return None

    def over(self):
        """The life ends as asked, and all must be true that must be true after kills."""
        self.settle(self.life)
        self.balance(self.life, "after the fault", True)
        self.stop(self.life)
        wrong, docs, repeated = self.finish()
        if repeated: wrong.append(f"{repeated} pages were sent again though nobody was killed")
        return wrong + self.lost(), docs

    def tidegate(self, *words):
        done = subprocess.run([str(self.args.binary), *words], capture_output=True, text=True, cwd=self.folder)
        if done.returncode: raise RuntimeError(f"tidegate {' '.join(words)} ended with {done.returncode}: {done.stderr}")
        return done.stdout


def search_dies(args, parts, folder):
    """OpenSearch is killed under way and stays away for a while: pages flow, and afterwards nothing is missing."""
    trial = FaultTrial(args, parts, args.seed, folder)
    try:
        trial.begin()
        trial.watch(20, lambda: trial.life.count["acknowledged"] > 20, "nothing is delivered")
        parts.search("kill")
        began, pages = time.monotonic(), len(trial.life.pages)
        back = threading.Thread(target=parts.search, args=("start",))
        trial.watch(OUTAGE)
        trial.balance(trial.life, "while OpenSearch is away")
        back.start()
        trial.pace = SLOWLY                                                    # how long a start takes is the machine's
        trial.watch(240, lambda: not back.is_alive(), "OpenSearch does not come back")
        away, meanwhile = time.monotonic() - began, len(trial.life.pages) - pages
        trial.watch(3)
        wrong, docs = trial.over()
    finally: trial.leave()
    due = sum(d["tidegate"]["paging"]["decision"] == "page" for d in docs.values())
    print(f"  OpenSearch killed and away for {away:.0f} s: {meanwhile} pages meanwhile, {due} in all; {len(docs)} alerts; {trial.lab.told()}")
    return wrong + ([] if meanwhile else ["no page was sent while OpenSearch was away"])


def kinesis_away(args, parts, folder):
    """The stream cannot be reached for a while, twice; connections are cut in the middle of whatever they carry."""
    trial = FaultTrial(args, parts, args.seed + 1, folder)
    try:
        trial.begin(kinesis_url=parts.kinesis_port)
        door = trial.doors["kinesis_url"]
        def returns(): return sum("works again" in line for line in trial.life.said)
        for _ in range(2):
            trial.watch(5)
            before = returns()
            door.shut()
            trial.watch(OUTAGE / 2)
            door.unlock()
            back = trial.watch(60, lambda: returns() > before, "reading is not said to work again")
        wrong, docs = trial.over()
    finally: trial.leave()
    print(f"  Kinesis away twice for {OUTAGE / 2:.0f} s, works again after {back:.1f} s; {len(docs)} alerts; {trial.lab.told()}")
    return wrong


def sns_away(args, parts, folder):
    """SNS cannot be reached for a while, three times; answers are cut off. No page is lost, and a FIFO topic hears none twice."""
    trial = FaultTrial(args, parts, args.seed + 4, folder)
    try:
        trial.begin(aws_url=parts.aws_port)
        door = trial.doors["aws_url"]
        for _ in range(3):
            before = len(door.requests)
            trial.watch(30, lambda: len(door.requests) > before + 5, "no page is sent")
            door.shut()
            trial.watch(OUTAGE / 2)
            trial.balance(trial.life, "while SNS is away")
            door.unlock()
        wrong, docs = trial.over()
        came = len(trial.topic.heard)
    finally: trial.leave()
    print(f"  SNS away three times for {OUTAGE / 2:.0f} s; {came} pages came; {len(docs)} alerts; {trial.lab.told()}")
    return wrong


def poison(args, parts, folder):
    """An index refuses documents: they are quarantined, their pages go out all the same; when it is mended they are sent again."""
    trial = FaultTrial(args, parts, args.seed + 2, folder)
    try:
        trial.index.make(MONTH, CONFLICT)
        trial.begin()
        trial.watch(60, lambda: trial.lab.block > 7, "the input does not come to the second month")
        while trial.lab.pieces: trial.lab.feed()
        trial.settle(trial.life)
        wrong, refused, paged = refusals(trial)
        states = trial.balance(trial.life, "with documents in the quarantine", True)["tidegate_lane_alerts"]
        counted = sum(n for labels, n in states.items() if dict(labels) == {"lane": "opensearch", "state": "quarantined"})
        if counted != len(refused): wrong.append(f"{len(refused)} alerts are missing in the index, {counted:.0f} are counted as quarantined")
        mend(trial.index)
        trial.tidegate("quarantine", "redrive", "--code", "document_refused", "--state", "state.db")
        trial.watch(30, lambda: not quarantined(trial), "documents stay in the quarantine though the index is mended")
        rest, docs = trial.over()
    finally: trial.leave()
    print(f"  {len(refused)} documents refused and quarantined, {paged} of them paged all the same, {len(docs)} alerts in all; after mending all are there")
    if not refused or not paged: wrong.append(f"{len(refused)} documents were refused and {paged} of them paged: this test shows nothing")
    return wrong + rest


def quarantined(trial):
    return [item for item in listed(trial.tidegate("quarantine", "list", "--code", "document_refused", "--state", "state.db", "--json", "--limit", "100000"))]


def listed(text):
    try: out = json.loads(text)
    except ValueError: return [json.loads(line) for line in text.splitlines()]
    return out if isinstance(out, list) else out.get("items", [])


def refusals(trial):
    """What is missing in the index is what was quarantined, and who was to be paged was."""
    docs, found = checks.documents(trial.folder / "state.db"), trial.index.documents()
    missing, told = docs.keys() - found.keys(), {alert for alert, _ in trial.life.pages}
    out = []
    items = quarantined(trial)
    if len(items) < len(missing): out.append(f"{len(missing)} documents are missing in the index, and only {len(items)} in the quarantine")
    due = {i for i in missing if docs[i]["tidegate"]["paging"]["decision"] == "page"}
    if due - told: out.append(f"{len(due - told)} alerts whose document was refused were not paged")
    if not found: out.append("nothing is in the index: other documents did not go on")
    return out, missing, len(due & told)


def mend(index):
    """As an operator does: what is there goes aside, the index is made anew by the template, and filled again."""
    name, aside = f"{index.prefix}-v1-{MONTH}", f"{index.prefix}-aside"
    for source, dest in ((name, aside), (aside, name)):
        index.call("POST", f"/{source}/_refresh")
        index.call("POST", "/_reindex?refresh=true", {"source": {"index": source}, "dest": {"index": dest, "version_type": "external"}})
        index.call("DELETE", f"/{source}")


def reshard(args, parts, folder):
    """Splits and merges under load, in one life."""
    trial = FaultTrial(args, parts, args.seed + 3, folder, reshard_every=12)
    try:
        trial.begin()
        trial.watch(120, lambda: sum(s.splits + s.merges for s in trial.lab.streams.values()) >= RESHARDS, "no 20 splits and merges")
        wrong, docs = trial.over()
    finally: trial.leave()
    print(f"  {len(docs)} alerts; {trial.lab.told()}")
    if sum(s.merges for s in trial.lab.streams.values()) < 5: wrong.append("hardly a merge: this test shows little")
    return wrong
