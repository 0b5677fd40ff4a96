"""Holds requests against OpenAPI documents, by openapi-core: a reader of documents that shares nothing with Tollgate's.

Reads JSON lines on standard input: first {"document": FILE}, then a request a line: {"template", "method", "url",
"server", "headers", "body"} (the body as Base64, or null). Writes a line for each: {"ok": true} or {"error": "..."}.

Each request is held against a document of its own path and the whole document's components. The path is still matched
against its template; what is not tried is which of two overlapping templates a server would choose.
"""

import base64
import json
import sys
import urllib.parse

import yaml
from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from werkzeug.datastructures import Headers, ImmutableMultiDict


class Request:
    """What openapi-core asks of a request."""

    def __init__(self, line):
        url = urllib.parse.urlsplit(line["url"])
        self.host_url = f"{url.scheme}://{url.netloc}"
        self.path = urllib.parse.unquote(url.path) if False else url.path
        self.path_pattern = None
        self.method = line["method"].lower()
        headers = Headers(line["headers"])
        cookies = {}
        for pair in headers.get("Cookie", "").split("; "):
            name, _, value = pair.partition("=")
            if name:
                cookies[name] = urllib.parse.unquote(value)
        query = ImmutableMultiDict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        self.parameters = RequestParameters(query=query, header=headers, cookie=ImmutableMultiDict(cookies), path={})
        self.body = None if line["body"] is None else base64.b64decode(line["body"])
        self.content_type = headers.get("Content-Type", "")


def load(file):
    with open(file, encoding="utf-8") as opened:
        text = opened.read()
    if text.lstrip().startswith("{"):
        return json.loads(text)
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def strings(value):
    """The document as JSON has it: YAML reads the keys of responses as numbers, and dates as such."""
    if isinstance(value, dict):
        return {str(key): strings(member) for key, member in value.items()}
    if isinstance(value, list):
        return [strings(item) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def judge(document, apis, line):
    key = (line["template"], line["server"])
    if key not in apis:
        item = {name: member for name, member in document["paths"][line["template"]].items() if name != "servers"}
        # Responses and security are no matter of a request without credentials.
        for method, operation in item.items():
            if isinstance(operation, dict) and "responses" in operation:
                dropped = ("security", "servers", "callbacks")
                operation = {name: member for name, member in operation.items() if name not in dropped}
                item[method] = {**operation, "responses": {"default": {"description": ""}}}
        one = {
            "openapi": document["openapi"],
            "info": {"title": "", "version": ""},
            "servers": [{"url": line["server"]}],
            "paths": {line["template"].split("#")[0]: item},
            "components": document.get("components", {}),
        }
        apis[key] = OpenAPI.from_dict(one, config=Config(spec_validator_cls=None))
    # `validate_request` raises the first error; the iterator has them all.
    errors = list(apis[key].iter_request_errors(Request(line)))
    return [describe(error) for error in errors]


def describe(error):
    texts = [f"{type(error).__name__}: {error}"]
    for nested in getattr(error, "schema_errors", None) or getattr(error.__cause__, "schema_errors", None) or []:
        texts.append(f"{'/'.join(map(str, nested.absolute_path))}: {nested.message[:300]}")
    cause = error.__cause__
    while cause is not None:
        texts.append(f"{type(cause).__name__}: {str(cause)[:300]}")
        cause = cause.__cause__
    return " | ".join(texts)


def main():
    document, apis = None, {}
    for text in sys.stdin:
        line = json.loads(text)
        if "document" in line:
            document, apis = strings(load(line["document"])), {}
            methods = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
            items = [item for path, item in document["paths"].items() if path.startswith("/")]
            count = sum(1 for item in items for name in item if name in methods)
            print(json.dumps({"operations": count}), flush=True)
            continue
        try:
            errors = judge(document, apis, line)
        except Exception as error:  # The judge's own failure is told, and is none of the request.
            print(json.dumps({"broken": f"{type(error).__name__}: {error}"}), flush=True)
            continue
        print(json.dumps({"error": " || ".join(errors)} if errors else {"ok": True}), flush=True)


main()
