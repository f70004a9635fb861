"""Two processes on one state file: one owns it, the other waits and takes over, whether the owner was killed or only stopped. An
owner that was stopped and is woken later must write and send nothing any more."""
import signal, time

DEAD, SILENT = 2.0, 4.0                                                        # seconds until a standby must have taken over
SAYS = 10                                                                      # and until it has said that it cannot: a lease, and SQLite's patience
FENCED = 3                                                                     # the exit code of one that was taken over


class Pair:
    """An owner and its standby; whoever takes over is the next owner."""

    def __init__(self, trial):
        self.trial, self.wrong, self.took = trial, [], {"killed": [], "stopped": []}
        self.inside_a_write = 0
        self.owner = trial.start()
        self.wait([self.owner], lambda: self.owner.started, 20, "the first owner does not start")
        self.stand_by()

    def stand_by(self):
        self.standby = self.trial.start()
        self.wait([self.owner, self.standby], lambda: any("standby: " in line for line in self.standby.said), 20, "the second process does not wait")

    def wait(self, lives, until, seconds, why=None):
        """Feeds and reads until something is so. How long that took; None: it never was."""
        began = time.monotonic()
        while (now := time.monotonic()) - began < seconds:
            self.trial.feed(now)
            for life in lives:
                if life.read(.005) is not None: continue
                life.process.wait(10)
                if not until(): self.wrong.append(f"life {life.number} ended by itself: {life.said[-3:]}"); return None
            if until(): return time.monotonic() - began
        if why: self.wrong.append(why)
        return None

    def work(self, seconds):
        """Lets the owner work for a while."""
        until = time.monotonic() + seconds
        self.wait([self.owner, self.standby], lambda: time.monotonic() > until, 2 * seconds + 1)

    def follow(self, how, took, least):
        if took is None: self.wrong.append(f"the standby of one that was {how} did not take over"); return
        self.took[how].append(took)
        if took > least: self.wrong.append(f"the standby of one that was {how} took over after {took:.1f} s")

    def kill(self):
        self.work(self.trial.random.uniform(.2, .6))
        self.owner.kill()
        self.follow("killed", self.wait([self.standby], lambda: self.standby.started, 10), DEAD)
        self.owner = self.standby
        self.stand_by()

    def stop(self):
        """Stops the owner, and wakes it when the other one has taken over."""
        self.work(self.trial.random.uniform(.2, .6))
        old, new = self.owner, self.standby
        old.process.send_signal(signal.SIGSTOP)
        took = self.wait([old, new], lambda: new.started or any("inside a write" in line for line in new.said), SAYS)
        if not new.started and any("inside a write" in line for line in new.said):
            # It holds the lock of SQLite: only its end or its waking helps, and that it does, it says.
            self.inside_a_write += 1
            applied = old.count["applied"]
            old.process.send_signal(signal.SIGCONT)
            self.wait([old, new], lambda: new.started or old.count["applied"] > applied + 3, 10, f"life {old.number} was stopped inside a write, woken, and does nothing")
            if not new.started: return
            self.owner = new
            self.wait([old, new], lambda: old.process.poll() is not None, 10, f"life {old.number} was taken over and lives on")
            return self.stand_by()
        self.follow("stopped", took, SILENT)
        if took is None: old.process.send_signal(signal.SIGCONT); return
        self.owner = new
        before = dict(old.count), len(old.pages)
        self.wait([old, new], lambda: False, self.trial.random.choice([0, .3, 1]))
        old.process.send_signal(signal.SIGCONT)
        self.wait([old, new], lambda: old.process.poll() is not None, 10, f"life {old.number} was taken over and lives on")
        self.woken(old, new, *before)
        self.stand_by()

    def woken(self, old, new, count, pages):
        """What an owner did after it was woken: it may say that what it wrote before was written, and end."""
        old.drain()
        if old.process.returncode != FENCED: self.wrong.append(f"life {old.number} was taken over and ended with {old.process.returncode}: {old.said[-2:]}")
        if len(old.pages) > pages: self.wrong.append(f"life {old.number} was taken over and sent {len(old.pages) - pages} pages after that")
        for done, doing in [("appended", "appending"), ("acknowledged", "acknowledging"), ("snapshot sealed", "snapshot sealing")]:
            after = old.count[done] - count.get(done, 0)
            if after > (count.get(doing, 0) > count.get(done, 0)): self.wrong.append(f"life {old.number} was taken over and {done} {after} times after that")
        appended = [fields["position"] for message, fields in old.steps if message == "appended"][count.get("appended", 0):]
        if any(at > new.started["position"] for at in appended): self.wrong.append(f"life {old.number} was taken over and appended {appended} behind {new.started['position']}")


def takeover(trial, kills, stops):
    """Takes over so many times. Answers what is wrong and the numbers to tell."""
    pair = Pair(trial)
    todo = ["kill"] * kills + ["stop"] * stops
    trial.random.shuffle(todo)
    for what in todo:
        getattr(pair, what)()
        if pair.wrong: break
    # The last two end by a signal; the owner first, so that the other one takes over once more, at the end of everything.
    for life in (pair.owner, pair.standby): life.kill()
    longest = {how: max(some, default=0) for how, some in pair.took.items()}
    return pair.wrong, (f"{len(pair.took['killed'])} times killed, the other took over within {longest['killed']:.2f} s; "
                        f"{len(pair.took['stopped'])} times stopped, within {longest['stopped']:.2f} s, and woken again: nothing written, nothing sent; "
                        f"{pair.inside_a_write} times stopped inside a write")
