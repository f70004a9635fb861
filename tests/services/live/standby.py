"""Two processes on one state file, before the real sinks: the owner is killed, or stopped past its lease and woken. Each process goes
to OpenSearch through a door of its own, so that what a woken one sends is seen."""
import takeover
from parts import Door
from trial import LiveTrial

DEAD = SILENT = 8.0                                                            # seconds; the promise is 30


class PairTrial(LiveTrial):
    def start(self, config=None):
        if config: return super().start(config)
        name = "ab"[len(self.lives) % 2]
        if name not in self.doors:
            self.doors[name] = Door(self.parts.search_port)
            self.configure(name, "state", "rules", True, search_url=f"http://127.0.0.1:{self.doors[name].port}")
        life = super().start(f"{name}.yaml")
        life.door = self.doors[name]
        return life


class Pair(takeover.Pair):
    """At the moment of a take-over, how much the former owner had said; afterwards, that it said no more."""

    def follow(self, how, took, least):
        super().follow(how, took, least)
        self.heard = len(self.owner.door.requests)

    def woken(self, old, new, count, pages):
        super().woken(old, new, count, pages)
        sent = [line for line in old.door.requests[self.heard:]]
        if sent: self.wrong.append(f"life {old.number} was taken over and sent {sent[:3]} to OpenSearch after that")


def standby(args, parts, folder):
    takeover.Pair, takeover.DEAD, takeover.SILENT = Pair, DEAD, SILENT
    trial = PairTrial(args, parts, args.seed, folder)
    try:
        wrong, said = takeover.takeover(trial, args.takeovers // 2, args.takeovers)
        rest, docs, _ = trial.finish()
        requests = sum(len(door.requests) for door in trial.doors.values())
    finally: trial.leave()
    print(f"  {said}")
    print(f"  {len(docs)} alerts, {requests} requests to OpenSearch; {trial.lab.told()}")
    if not requests: rest.append("nobody sent anything to OpenSearch: this test shows nothing")
    return wrong + rest + trial.lost()
