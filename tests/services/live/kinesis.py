"""A stream of a Kinesis on this machine, spoken to by plain HTTP: records, splits, merges, and aggregates as the Kinesis Producer
Library makes them. Written from the service's documentation; shares no code with the program under test."""
import base64, hashlib, http.client, json, time

HASH_KEYS = 2 ** 128
BUSY = ("ResourceInUseException", "LimitExceededException", "ProvisionedThroughputExceededException")
# The stand-in wants to see who asks, and believes everybody.
SIGNED = "AWS4-HMAC-SHA256 Credential=test/20200101/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=00"


class Refused(Exception):
    """What the service answered instead."""


class Kinesis:
    def __init__(self, port):
        self.port, self.connection = port, None

    def call(self, target, **body):
        for attempt in range(2):                                               # a connection that was idle may be gone
            try: return self.ask(target, body)
            except (ConnectionError, http.client.HTTPException):
                self.connection = None
                if attempt: raise

    def ask(self, target, body):
        self.connection = self.connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"Kinesis_20131202.{target}", "Authorization": SIGNED,
                   "X-Amz-Date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())}
        self.connection.request("POST", "/", json.dumps(body), headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != 200: raise Refused(f"{target}: {text.decode(errors='replace')[:300]}")
        return json.loads(text) if text else {}


class Stream:
    def __init__(self, port, name, shards):
        self.kinesis, self.name, self.splits, self.merges = Kinesis(port), name, 0, 0
        self.kinesis.call("CreateStream", StreamName=name, ShardCount=shards)
        self.active()

    def active(self):
        while self.kinesis.call("DescribeStreamSummary", StreamName=self.name)["StreamDescriptionSummary"]["StreamStatus"] != "ACTIVE": time.sleep(.02)

    def put(self, records):
        """Puts (bytes, hash key) in order."""
        for first in range(0, len(records), 200):
            entries = [{"Data": base64.b64encode(data).decode(), "PartitionKey": "p", "ExplicitHashKey": str(key)} for data, key in records[first:first + 200]]
            while entries:
                answer = self.kinesis.call("PutRecords", StreamName=self.name, Records=entries)["Records"]
                entries = [entry for entry, said in zip(entries, answer) if said.get("ErrorCode")]
                if entries: time.sleep(.1)

    def open(self):
        """[(first hash key, last, shard id)] of the shards that take records, in order of the keys."""
        shards = self.kinesis.call("ListShards", StreamName=self.name)["Shards"]
        return sorted((int(s["HashKeyRange"]["StartingHashKey"]), int(s["HashKeyRange"]["EndingHashKey"]), s["ShardId"])
                      for s in shards if not s["SequenceNumberRange"].get("EndingSequenceNumber"))

    def split(self, shard):
        first, last, name = shard
        self.change("SplitShard", ShardToSplit=name, NewStartingHashKey=str(first + (last - first) // 2))
        self.splits += 1

    def merge(self, a, b):
        self.change("MergeShards", ShardToMerge=a[2], AdjacentShardToMerge=b[2])
        self.merges += 1

    def change(self, target, **what):
        until = time.monotonic() + 30
        while True:
            try: self.kinesis.call(target, StreamName=self.name, **what); break
            except Refused as why:
                if time.monotonic() > until or not any(word in str(why) for word in BUSY): raise
                time.sleep(.05)
        self.active()

    def reshard(self, random, least=2, most=6):
        """Splits or merges somewhere."""
        shards = self.open()
        if len(shards) <= least or len(shards) < most and random.random() < .5: self.split(random.choice(shards))
        else:
            at = random.randrange(len(shards) - 1)
            self.merge(shards[at], shards[at + 1])


# ---- aggregates ----------------------------------------------------------------------------------------------------------------

def varint(n):
    out = b""
    while n > 0x7f: out, n = out + bytes([n & 0x7f | 0x80]), n >> 7
    return out + bytes([n])


def field(number, data): return varint(number << 3 | 2) + varint(len(data)) + data


def aggregate(records):
    """One record that holds several: a magic number, a protobuf message (a table of partition keys, then the records with the place
    of their key in it), the MD5 of the message."""
    keys = [b"even", b"odd"]
    parts = [varint(1 << 3) + varint(n % 2) + field(3, data) for n, data in enumerate(records)]
    message = b"".join(field(1, key) for key in keys) + b"".join(field(3, part) for part in parts)
    return b"\xf3\x89\x9a\xc2" + message + hashlib.md5(message).digest()
