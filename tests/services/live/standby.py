"""Two processes on one state file, before the real sinks: the owner is killed, or stopped past its lease and woken. Each process goes
to OpenSearch and SNS through doors of its own, so that what a woken one sends is seen."""
import takeover
from parts import Door
from trial import LiveTrial

DEAD = SILENT = 8.0                                                            # seconds; the promise is 30


class PairTrial(LiveTrial):
    def start(self, config=None):
        if config: return super().start(config)
        name = "ab"[len(self.lives) % 2]
        if (name, "search") not in self.doors:
            for what, port in (("search", self.parts.search_port), ("pages", self.parts.aws_port)): self.doors[name, what] = Door(port)
            urls = {what: f"http://127.0.0.1:{self.doors[name, what].port}" for what in ("search", "pages")}
            self.configure(name, "state", "rules", True, search_url=urls["search"], aws_url=urls["pages"])
        life = super().start(f"{name}.yaml")
        life.doors = [self.doors[name, what] for what in ("search", "pages")]
        return life


class Pair(takeover.Pair):
    """At the moment of a take-over, how much the former owner had said; afterwards, that it said no more."""

    def follow(self, how, took, least):
        super().follow(how, took, least)
        self.heard = [len(door.requests) for door in self.owner.doors]

    def woken(self, old, new, count, pages):
        super().woken(old, new, count, pages)
        sent = [line for door, heard in zip(old.doors, self.heard) for line in door.requests[heard:]]
        if sent: self.wrong.append(f"life {old.number} was taken over and sent {sent[:3]} after that")


def standby(args, parts, folder):
    """A second process takes over from one that is killed, and from one that is stopped past its lease and woken."""
    takeover.Pair, takeover.DEAD, takeover.SILENT = Pair, DEAD, SILENT
    trial = PairTrial(args, parts, args.seed, folder)
    try:
        wrong, said = takeover.takeover(trial, args.takeovers // 2, args.takeovers)
        rest, docs, _ = trial.finish()
        requests = {what: sum(len(door.requests) for (_, to), door in trial.doors.items() if to == what) for what in ("search", "pages")}
    finally: trial.leave()
    print(f"  {said}")
    print(f"  {len(docs)} alerts, {requests['search']} requests to OpenSearch, {requests['pages']} to SNS; {trial.lab.told()}")
    if not all(requests.values()): rest.append("nobody sent anything: this test shows nothing")
    return wrong + rest + trial.lost()
