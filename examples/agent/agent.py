"""An agent that comments on a document: first in our store, then at Velt, where the comment has no text.

    python3 agent.py < finding.json

It needs Python 3.10 or later and no packages. The environment names the stack (BASE_URL, AWS_REGION), the credentials of a role
that may call /backend/velt/* (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN), and Velt's (VELT_API_KEY,
VELT_AUTH_TOKEN). VELT_API_URL is for tests.
"""

import functools
import hashlib
import hmac
import json
import os
import sys
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

# Attempts of one call, and the wait before the second, in seconds; it doubles.
ATTEMPTS = 4
FIRST_WAIT = 0.25


class Refused(Exception):
    """The other side refused the request, and so has done nothing."""


class Unknown(Exception):
    """The request may have succeeded, or may succeed later."""


def comment(finding):
    """Comments on a document, and returns the ids of the thread and the comment.

    A finding has organizationId, documentId, findingId (your own: the same finding is the same comment, however often it is
    posted), text, agent (agentId, agentName, reason with title, description and severity), and may have html, and targetElement
    and location, which say where Velt shows it.
    """
    ids = identify(finding)
    annotation_id, comment_id = ids["annotationId"], ids["commentId"]
    scope = {name: finding[name] for name in ("organizationId", "documentId")}
    agent = {"agentSource": "external", **finding["agent"]}
    author = {"userId": agent["agentId"]}

    # First our store. Pages ask it for the text as soon as Velt tells them of the comment.
    text = {"commentText": finding["text"], "commentHtml": finding.get("html", finding["text"])}
    stored = {"commentId": comment_id, **text, "from": author, "agent": agent}
    thread = {"annotationId": annotation_id, "metadata": scope, "from": author, "comments": {str(comment_id): stored}}
    backend(
        "comments/save",
        {
            "event": "comment_annotation.add",
            "commentId": comment_id,
            "metadata": scope,
            "commentAnnotation": {annotation_id: thread},
        },
    )

    # Then Velt, without the text. Velt requires a reason and stores it, so what it says stays with us.
    reason = {"title": "Finding", "description": "See the comment", "severity": agent["reason"]["severity"]}
    at_velt = {
        "commentId": comment_id,
        "isCommentResolverUsed": True,
        "isCommentTextAvailable": True,
        "from": author,
        "agent": {**agent, "reason": reason},
    }
    place = {name: finding[name] for name in ("targetElement", "location") if name in finding}
    annotation = {"annotationId": annotation_id, "type": "suggestion", **place, "commentData": [at_velt]}
    try:
        velt("commentannotations/add", {**scope, "commentAnnotations": [annotation]})
    except Refused:
        # Nobody will ever see this thread. If the call may have succeeded, the thread stays: run the agent again.
        backend("comments/delete", {"commentAnnotationId": annotation_id, "metadata": scope})
        raise
    return ids


def identify(finding):
    """The same ids for the same finding, so that a repeated run changes nothing. Velt's ids of comments are numbers."""
    named = [finding["organizationId"], finding["documentId"], finding["agent"]["agentId"], finding["findingId"]]
    digest = sha256(json.dumps(named, separators=(",", ":"), ensure_ascii=False).encode())
    return {"annotationId": f"agent-{digest[:24]}", "commentId": int(digest[24:36], 16)}


def backend(operation, request):
    """Calls an operation of the stack as the app's backend."""
    url = f"{os.environ['BASE_URL'].rstrip('/')}/backend/velt/{operation}"
    body = json.dumps(request).encode()
    answer = post(url, body, lambda: signed(url, body))
    if not answer.get("success"):
        raise Refused(f"{operation}: {answer.get('message')}")
    return answer.get("data")


def velt(path, data):
    """Calls Velt's REST API."""
    headers = {
        "content-type": "application/json",
        "x-velt-api-key": os.environ["VELT_API_KEY"],
        "x-velt-auth-token": os.environ["VELT_AUTH_TOKEN"],
    }
    url = f"{os.environ.get('VELT_API_URL', 'https://api.velt.dev')}/v2/{path}"
    answer = post(url, json.dumps({"data": data}).encode(), lambda: headers)
    result = answer.get("result", {})
    if "error" in answer or result.get("status") != "success":
        raise Refused(f"Velt: {answer.get('error', {}).get('message', 'no result')}")
    return result.get("data")


def post(url, body, headers):
    """Posts JSON, again after a failure that may pass: both ends take the same request twice without harm."""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(FIRST_WAIT * 2 ** (attempt - 1))
        try:
            with urllib.request.urlopen(urllib.request.Request(url, body, headers()), timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code != 429:
                return json.load(error)
            why = f"answers {error.code}"
        except OSError as error:
            why = f"does not answer: {error}"
    raise Unknown(f"{urlsplit(url).netloc} {why}")


def signed(url, body):
    """The headers of a request that IAM knows the caller by: Signature Version 4, for API Gateway."""
    parts = urlsplit(url)
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    headers = {"content-type": "application/json", "host": parts.netloc, "x-amz-date": now}
    if token := os.environ.get("AWS_SESSION_TOKEN"):
        headers["x-amz-security-token"] = token
    names = ";".join(headers)  # They are in order.
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request = "\n".join(["POST", parts.path, "", lines, names, sha256(body)])
    scope = [now[:8], os.environ["AWS_REGION"], "execute-api", "aws4_request"]
    key = functools.reduce(digest, scope, b"AWS4" + os.environ["AWS_SECRET_ACCESS_KEY"].encode())
    to_sign = "\n".join(["AWS4-HMAC-SHA256", now, "/".join(scope), sha256(request.encode())])
    signature = digest(key, to_sign).hex()
    credential = f"{os.environ['AWS_ACCESS_KEY_ID']}/{'/'.join(scope)}"
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
    return headers


def digest(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    print(json.dumps(comment(json.load(sys.stdin))))
