"""The alerts in OpenSearch, as somebody who searches there sees them."""
import http.client, json, urllib.parse

PAGE = 1_000


class Index:
    def __init__(self, url, prefix):
        self.at, self.prefix = urllib.parse.urlsplit(url), prefix

    def call(self, method, path, body=None, fine=(200, 201)):
        connection = http.client.HTTPConnection(self.at.hostname, self.at.port, timeout=60)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status not in fine: raise RuntimeError(f"OpenSearch: {method} {path}: {answer.status} {text.decode(errors='replace')[:500]}")
            return json.loads(text)
        finally: connection.close()

    def documents(self):
        """{alert id: (version, document)} of all that a search finds, through the alias."""
        self.call("POST", f"/{self.prefix}/_refresh")
        found, after = {}, {}
        while True:
            query = {"size": PAGE, "version": True, "query": {"match_all": {}}, "sort": [{"finding_info.uid": "asc"}], **after}
            hits = self.call("POST", f"/{self.prefix}/_search", query)["hits"]["hits"]
            for hit in hits:
                if hit["_id"] in found: raise RuntimeError(f"alert {hit['_id']} stands in two indices: {hit['_index']} is the second")
                found[hit["_id"]] = hit["_version"], hit["_source"]
            if len(hits) < PAGE: return found
            after = {"search_after": hits[-1]["sort"]}

    def by_id(self, index, alert):
        return self.call("GET", f"/{index}/_doc/{urllib.parse.quote(alert, safe='')}", fine=(200, 404))

    def index_of(self, alert):
        """The index an alert is found in by a search for its id."""
        hits = self.call("POST", f"/{self.prefix}/_search", {"query": {"term": {"finding_info.uid": alert}}})["hits"]["hits"]
        return [hit["_index"] for hit in hits if hit["_id"] == alert]

    def make(self, period, mappings):
        """The index of a month, made beforehand by somebody else."""
        self.call("PUT", f"/{self.prefix}-v1-{period}", {"mappings": mappings})

    def drop(self, period): self.call("DELETE", f"/{self.prefix}-v1-{period}", fine=(200, 404))


def differences(docs, found, differing):
    """The documents found are the final ones, field by field, each at the version of its last revision."""
    few = lambda some: ", ".join(map(str, sorted(some)[:5])) + (" ..." if len(some) > 5 else "")
    out = []
    if docs.keys() - found.keys(): out.append(f"{len(docs.keys() - found.keys())} alerts are not in the index: {few(docs.keys() - found.keys())}")
    if found.keys() - docs.keys(): out.append(f"{len(found.keys() - docs.keys())} documents are of no alert: {few(found.keys() - docs.keys())}")
    for i in docs.keys() & found.keys():
        version, document = found[i]
        if document != docs[i] or version != docs[i]["tidegate"]["revision"]:
            out.append(f"alert {i}: version {version} in the index is not revision {docs[i]['tidegate']['revision']}: {differing(docs[i], document)[:5]}")
    return out[:10]
