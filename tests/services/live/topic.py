"""A topic and a queue that hears it: the pages as a receiver gets them."""
import http.client, json, re, time, urllib.parse
from collections import Counter

SIGNED = "AWS4-HMAC-SHA256 Credential=test/20200101/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=00"
ACCOUNT = "000000000000"


class Topic:
    """FIFO: what comes again within five minutes is dropped, by the service."""

    def __init__(self, port, name, fifo=True):
        self.port, end = port, ".fifo" if fifo else ""
        attributes = {"FifoQueue": "true"} if fifo else {}
        self.queue = self.sqs("CreateQueue", QueueName=name + end, Attributes={**attributes, "VisibilityTimeout": "3600"})["QueueUrl"]
        more = {"Attributes.entry.1.key": "FifoTopic", "Attributes.entry.1.value": "true"} if fifo else {}
        self.arn = self.sns("CreateTopic", "TopicArn", Name=name + end, **more)
        endpoint = self.sqs("GetQueueAttributes", QueueUrl=self.queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self.sns("Subscribe", "SubscriptionArn", TopicArn=self.arn, Protocol="sqs", Endpoint=endpoint,
                 **{"Attributes.entry.1.key": "RawMessageDelivery", "Attributes.entry.1.value": "true"})
        self.heard = []

    def ask(self, service, headers, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", "/", body, {"Authorization": SIGNED.format(service), "X-Amz-Date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()), **headers})
            answer = connection.getresponse()
            text = answer.read().decode()
            if answer.status != 200: raise RuntimeError(f"{service}: {answer.status} {text[:300]}")
            return text
        finally: connection.close()

    def sns(self, action, wanted, **what):
        body = urllib.parse.urlencode({"Action": action, "Version": "2010-03-31", **what})
        text = self.ask("sns", {"Content-Type": "application/x-www-form-urlencoded"}, body)
        return re.search(f"<{wanted}>([^<]*)</{wanted}>", text).group(1)

    def sqs(self, action, **what):
        text = self.ask("sqs", {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"AmazonSQS.{action}"}, json.dumps(what))
        return json.loads(text) if text else {}

    def listen(self):
        """Everything that came, in order; what was heard is taken away, so that a group of a FIFO queue goes on."""
        while messages := self.sqs("ReceiveMessage", QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", []):
            self.heard += [json.loads(message["Body"]) for message in messages]
            self.sqs("DeleteMessageBatch", QueueUrl=self.queue, Entries=[{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)])
        return self.heard

    def wrong(self, docs):
        """Who was to be paged was, and came once."""
        came = Counter(page["dedup_key"] for page in self.listen())
        due = {i for i, d in docs.items() if d["tidegate"]["paging"]["decision"] == "page"}
        out = [f"{n} pages came twice or more: {some[:5]}" for some in [[i for i, k in came.items() if k > 1]] if (n := len(some))]
        # What was merged later had its own page before.
        odd = [i for i in came if i not in docs or docs[i]["tidegate"]["paging"]["decision"] not in ("page", "merged")]
        if due - came.keys(): out.append(f"{len(due - came.keys())} pages did not come through the topic: {sorted(due - came.keys())[:5]}")
        return out + ([f"{len(odd)} pages came that were not due: {odd[:5]}"] if odd else [])
