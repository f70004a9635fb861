"""The parts beside the program: a Kinesis, an OpenSearch, topics and queues, started by the project's scripts, and doors before them that can be shut and
that count who comes through."""
import contextlib, copy, os, select, socket, subprocess, threading
from pathlib import Path

BESIDE = Path(__file__).resolve().parents[1]
AWS = dict(AWS_REGION="us-east-1", AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_EC2_METADATA_DISABLED="true",
           AWS_CONFIG_FILE="/dev/null", AWS_SHARED_CREDENTIALS_FILE="/dev/null")
HIDDEN = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KINESIS", "AWS_ENDPOINT_URL_SNS")


def script(name, *words, **environment):
    done = subprocess.run(["bash", str(BESIDE / name), *words], env=dict(os.environ, **environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    if done.returncode: raise RuntimeError(f"{name} {' '.join(words)} ended with {done.returncode}")
    return done.stdout.strip()


class Parts:
    """What every trial shares. A test that cannot start a part fails."""

    def __init__(self, kinesis_port, search_port, aws_port):
        self.kinesis_port, self.search_port, self.aws_port = kinesis_port, search_port, aws_port
        for name in HIDDEN: os.environ.pop(name, None)
        os.environ.update(AWS)
        self.kinesis_url, self.aws_url = f"http://127.0.0.1:{kinesis_port}", f"http://127.0.0.1:{aws_port}"
        self.search_url = None
        try: self.start()
        except BaseException: self.leave(); raise

    def start(self):
        script("kinesis.sh", "start", TIDEGATE_KINESIS_PORT=str(self.kinesis_port))
        script("aws.sh", "start", TIDEGATE_AWS_PORT=str(self.aws_port))
        url = self.search("start")
        if not url.endswith(f":{self.search_port}"): raise RuntimeError(f"another OpenSearch of opensearch.sh runs already, at {url}: end it")
        self.search_url = url

    def search(self, word): return script("opensearch.sh", word, PORT=str(self.search_port))

    @contextlib.contextmanager
    def second_kinesis(self):
        """The same parts but for Kinesis."""
        beside = copy.copy(self)
        beside.kinesis_port = self.kinesis_port + 10
        beside.kinesis_url = f"http://127.0.0.1:{beside.kinesis_port}"
        environment = dict(TIDEGATE_KINESIS_LOCAL_PORT=str(beside.kinesis_port))
        script("kinesis-local.sh", "start", **environment)
        try: yield beside
        finally: script("kinesis-local.sh", "stop", **environment)

    def leave(self):
        script("kinesis.sh", "stop", TIDEGATE_KINESIS_PORT=str(self.kinesis_port))
        script("aws.sh", "stop", TIDEGATE_AWS_PORT=str(self.aws_port))
        if self.search_url: self.search("wipe")


class Door:
    """A port of its own before another one: what comes through is counted, and it can be shut."""

    def __init__(self, to):
        self.to, self.requests, self.seen, self.open, self.ends = to, [], b"", True, set()
        self.listener = self.listen(0)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def listen(self, port):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port)); listener.listen(64)
        return listener

    def serve(self):
        while True:
            try: here, _ = self.listener.accept()
            except OSError: return
            threading.Thread(target=self.carry, args=(here,), daemon=True).start()

    def carry(self, here):
        there = socket.socket()
        self.ends |= {here, there}
        try:
            there.connect(("127.0.0.1", self.to))
            while self.open:
                for one in select.select([here, there], [], [], 1)[0]:
                    data = one.recv(1 << 16)
                    if not data: return
                    if one is here: self.note(data)
                    (there if one is here else here).sendall(data)
        except OSError: pass
        finally:
            for one in (here, there): one.close()
            self.ends -= {here, there}

    def note(self, data):
        """First lines of requests; what is in a body is not looked at."""
        line = data.split(b"\r\n", 1)[0]
        if line.endswith(b"HTTP/1.1"): self.requests.append(line.decode(errors="replace"))

    def shut(self):
        """From here on connections are refused, and those there were are cut."""
        if not self.open: return
        self.open = False
        self.listener.shutdown(socket.SHUT_RDWR); self.listener.close()
        for one in list(self.ends):
            try: one.shutdown(socket.SHUT_RDWR)
            except OSError: pass

    def unlock(self):
        self.open, self.listener = True, self.listen(self.port)
        threading.Thread(target=self.serve, daemon=True).start()

