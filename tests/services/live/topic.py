"""A topic and a queue that hears it: the pages as a receiver gets them."""
import http.client, json, re, time, urllib.parse

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
            for message in messages:
                self.heard.append(json.loads(message["Body"]))
                self.sqs("DeleteMessage", QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return self.heard


def alert_of(page): return page["dedup_key"]
