"""What tidegate.example.yaml expects of the stand-ins, see services.sh: streams, topics, a queue that hears them; and records put by hand."""
import gzip, json, random, sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "live"))
from kinesis import HASH_KEYS, Refused, Stream, Kinesis
from topic import Topic

KINESIS, AWS, SEARCH = 24571, 24566, 24572
STREAMS, TOPICS, QUEUE = {"findings": 2, "flows": 2}, ("soc-critical", "soc-high"), "soc"


def make():
    there = Kinesis(KINESIS).call("ListStreams")["StreamNames"]
    for name, shards in STREAMS.items():
        if name not in there: Stream(KINESIS, name, shards)
    for name in TOPICS: Topic(AWS, name, fifo=False)
    print(f"Kinesis http://127.0.0.1:{KINESIS} (streams {', '.join(STREAMS)}), SNS, SQS and DynamoDB http://127.0.0.1:{AWS} (topics {', '.join(TOPICS)}),\n"
          f"OpenSearch http://127.0.0.1:{SEARCH}. Next:\n"
          '  eval "$(make -s services-env)"\n'
          "  tidegate setup opensearch -c tidegate.example.yaml\n"
          "  tidegate doctor --test-page -c tidegate.example.yaml && make -s services-pages\n"
          "  tidegate run -c tidegate.example.yaml                                # in another terminal:\n"
          "  tests/services/services.sh put findings FILE...                      # files of findings, one a line; gzip is undone\n"
          "  tests/services/services.sh put flows FILE...                         # batches of CloudWatch Logs, a gzip file each")


def records(path):
    """A batch of CloudWatch Logs stays as it is; else a line is a record."""
    data = path.read_bytes()
    text = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    if b'"messageType"' in text[:2000]: return [data]
    return [line for line in text.splitlines() if line.strip()]


def put(stream, paths):
    to = Stream.__new__(Stream)
    to.kinesis, to.name = Kinesis(KINESIS), stream
    all_records = [(record, random.randrange(HASH_KEYS)) for path in paths for record in records(Path(path))]
    try: to.put(all_records)
    except Refused as why: sys.exit(f"{stream}: {why}")
    print(f"{len(all_records)} records put into {stream}")


def pages():
    for name in TOPICS:
        for page in Topic(AWS, name, fifo=False).listen(): print(json.dumps(page))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make"]: make()
        case ["pages"]: pages()
        case ["put", stream, *paths] if paths: put(stream, paths)
        case _: sys.exit("use services.sh")
