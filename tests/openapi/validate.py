"""Holds requests against OpenAPI documents, by openapi-core: a reader of documents that shares nothing with Tollgate's.

Reads JSON lines on standard input: first {"document": FILE}, then a request a line: {"template", "method", "url",
"server", "headers", "body"} (the body as Base64, or null). Writes a line for each: {"ok": true} or {"error": "..."}.

openapi-core reads no `deepObject` but flat objects, where the specification ends too. What APIs such as Stripe's mean by
it is read here by the rules of PHP and Rails, and held against the schema by openapi-schema-validator.

Each request is held against a document of its own path and the whole document's components. The path is still matched
against its template; what is not tried is which of two overlapping templates a server would choose.
"""

import base64
import json
import re
import sys
import urllib.parse

import yaml
from jsonschema import validators
from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_schema_validator import OAS30Validator, OAS31Validator
from werkzeug.datastructures import Headers, ImmutableMultiDict


class Request:
    """What openapi-core asks of a request."""

    def __init__(self, line):
        url = urllib.parse.urlsplit(line["url"])
        self.host_url = f"{url.scheme}://{url.netloc}"
        # As a web framework gives it: decoded, but for what would change how it is read.
        self.path = re.sub(r"%(?!2F|3F|23|25)[0-9A-F]{2}", lambda found: chr(int(found[0][1:], 16)), url.path)
        self.path_pattern = None
        self.method = line["method"].lower()
        headers = Headers(line["headers"])
        # The client adds it, and some documents name it.
        headers.setdefault("Content-Length", str(len(base64.b64decode(line["body"] or ""))))
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


def prepared(value, version, root, depth=0):
    """The document without what openapi-core reads in another way than most.

    - References into paths are followed, because its document has one path only.
    - A discriminator is a hint beside `oneOf`, and often leads to files that are not there (DigitalOcean).
    - `*/*` as the type of a body is no bytes: JSON was sent.
    - A member that is `readOnly` is not demanded of a request, in 3.1 as in 3.0.
    - In 3.1 files of forms are still written as `format: binary`, and are bytes and no strings.
    """
    if isinstance(value, list):
        return [prepared(item, version, root, depth) for item in value]
    if not isinstance(value, dict):
        return value
    if depth < 32 and str(value.get("$ref", "")).startswith("#/paths/"):
        return prepared(resolved(root, value), version, root, depth + 1)
    value = {name: prepared(member, version, root, depth) for name, member in value.items()}
    if isinstance(value.get("discriminator"), dict):
        del value["discriminator"]
    if isinstance(value.get("content"), dict) and "*/*" in value["content"]:
        value["content"] = {"application/json": value["content"]["*/*"]}
    if version.startswith("3.1"):
        if isinstance(value.get("required"), list) and isinstance(value.get("properties"), dict):
            is_read_only = lambda name: (value["properties"].get(name) or {}).get("readOnly") is True
            value["required"] = [name for name in value["required"] if not is_read_only(name)]
        if value.get("type") == "string" and value.get("format") == "binary":
            value = {name: member for name, member in value.items() if name not in ("type", "format")}
    return value


def judge(document, apis, line):
    key = (line["template"], line["server"], line["method"])
    item = dict(document["paths"][line["template"]])
    item.pop("servers", None)
    # Responses and security are no matter of a request without credentials.
    for method, operation in item.items():
        if isinstance(operation, dict) and "responses" in operation:
            dropped = ("security", "servers", "callbacks")
            operation = {name: member for name, member in operation.items() if name not in dropped}
            operation = without_token(operation)
            item[method] = {**operation, "responses": {"default": {"description": ""}}}
    request = Request(line)
    if key not in apis:
        media = request.content_type.split(";")[0]
        json_media = {media: json.loads} if media.endswith("json") else {}
        one = {
            "openapi": document["openapi"],
            "info": {"title": "", "version": ""},
            "servers": [{"url": line["server"]}],
            "paths": {line["template"].split("#")[0]: item},
            "components": document.get("components", {}),
        }
        config = Config(spec_validator_cls=None, extra_media_type_deserializers=json_media)
        apis[key] = OpenAPI.from_dict(one, config=config)
    errors = [describe(error) for error in apis[key].iter_request_errors(request)]
    # What it cannot read, and texts of alternatives that it takes for the first of them.
    unread = ("ValueError: not available", "ValueError: not an object format")
    if any(text in error for error in errors for text in unread):
        errors = [error for error in errors if not any(text in error for text in unread)]
        errors += nested(document, item, request)
    return [error for error in errors if not is_known(error)]


def without_token(value):
    """The token that Slack demands as a parameter or in a form, beside its security scheme, is a credential too."""
    if isinstance(value, list):
        return [without_token(item) for item in value]
    if not isinstance(value, dict):
        return value
    is_token = lambda one: str((one or {}).get("description", "")).startswith("Authentication token.")
    value = {name: without_token(member) for name, member in value.items()}
    if value.get("name") == "token" and is_token(value):
        value["required"] = False
    if isinstance(value.get("required"), list) and is_token((value.get("properties") or {}).get("token")):
        value["required"] = [name for name in value["required"] if name != "token"]
    if value.get("required") is True and isinstance(value.get("content"), dict):
        # A form of nothing else is empty, which openapi-core takes for none.
        properties = [(media.get("schema") or {}).get("properties") or {} for media in value["content"].values()]
        value["required"] = not all(list(names) == ["token"] and is_token(names["token"]) for names in properties)
    return value


def nested(document, item, request):
    """Errors of what is written in brackets: parameters in the style `deepObject`, and forms."""
    operation = item[request.method]
    errors = []
    for parameter in [*item.get("parameters", []), *operation.get("parameters", [])]:
        parameter = resolved(document, parameter)
        if parameter.get("style") == "deepObject":
            name = parameter["name"]
            pairs = list(request.parameters.query.items(multi=True))
            value = brackets([pair for pair in pairs if pair[0].split("[")[0] == name]).get(name)
            if value is not None or parameter.get("required"):
                errors += lenient(document, parameter["schema"], value)
    if request.body is not None and request.content_type == "application/x-www-form-urlencoded":
        content = resolved(document, operation["requestBody"])["content"][request.content_type]
        errors += lenient(document, content["schema"], brackets(urllib.parse.parse_qsl(request.body.decode(), True)))
    return errors


def resolved(document, value):
    while "$ref" in value:
        found = document
        for part in value["$ref"].removeprefix("#/").split("/"):
            name = urllib.parse.unquote(part).replace("~1", "/").replace("~0", "~")
            found = found[int(name)] if isinstance(found, list) else found[name]
        value = found
    return value


def brackets(pairs):
    """`a[b]=1&a[c][0]=2` as {"a": {"b": "1", "c": ["2"]}}."""
    tree = {}
    for name, text in pairs:
        keys = [name.split("[")[0], *re.findall(r"\[([^\]]*)\]", name)]
        place = tree
        for key in keys[:-1]:
            place = place.setdefault(key, {})
        place[keys[-1]] = text

    def lists(value):
        if not isinstance(value, dict):
            return value
        value = {name: lists(member) for name, member in value.items()}
        if value and list(value) == [str(index) for index in range(len(value))]:
            return list(value.values())
        return value

    return {name: lists(member) for name, member in tree.items()}


def lenient(document, schema, value):
    """Errors of a value whose numbers and booleans are texts."""
    base = OAS30Validator if document["openapi"].startswith("3.0") else OAS31Validator
    spelled = {"integer": r"-?\d+", "number": r"-?\d+(\.\d+)?", "boolean": "true|false"}
    checker = base.TYPE_CHECKER
    for name, pattern in spelled.items():
        check = lambda _, text, pattern=pattern: isinstance(text, str) and re.fullmatch(pattern, text) is not None
        checker = checker.redefine(name, check)
    validator = validators.extend(base, type_checker=checker)
    whole = {**schema, "components": document.get("components", {})}
    return [f"{list(error.absolute_path)}: {error.message[:300]}" for error in validator(whole).iter_errors(value)]


def is_known(error):
    """Where the judge is wrong or the document contradicts itself.

    - A parameter whose schema is `readOnly` (GitHub shares one with responses) could never be sent.
    - openapi-core gives a text to `anyOf` that should be a number (DigitalOcean's ids of keys).
    """
    if error.startswith("InvalidParameter") and "Tried to write read-only property" in error:
        return True
    return error.startswith("InvalidParameter") and "schema of type any" in error


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
            document = prepared(document, document["openapi"], document)
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
