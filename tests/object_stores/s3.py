"""Reads objects by signed GET requests. Endpoint and credentials come from the variables of the AWS tools."""

import hashlib
import hmac
import os
import urllib.error
import urllib.parse
import urllib.request
from datetime import UTC, datetime

ENDPOINT = os.environ["AWS_ENDPOINT_URL"]
REGION = os.environ.get("AWS_REGION", "us-east-1")
EMPTY = hashlib.sha256(b"").hexdigest()


def split(url: str) -> tuple[str, str]:
    """The bucket and the key of an s3:// URL."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return bucket, key


def _signature(day: str, text: str) -> str:
    key = f"AWS4{os.environ['AWS_SECRET_ACCESS_KEY']}".encode()
    for word in (day, REGION, "s3", "aws4_request"):
        key = hmac.digest(key, word.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def get(url: str) -> bytes | None:
    """The content of an object; None if there is none."""
    path = urllib.parse.quote("/" + "/".join(split(url)))
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": urllib.parse.urlsplit(ENDPOINT).netloc, "x-amz-content-sha256": EMPTY, "x-amz-date": now}
    if token := os.environ.get("AWS_SESSION_TOKEN"):
        headers["x-amz-security-token"] = token
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = f"GET\n{path}\n\n{lines}\n{names}\n{EMPTY}"
    scope = f"{now[:8]}/{REGION}/s3/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    signature = _signature(now[:8], f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{digest}")
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={os.environ['AWS_ACCESS_KEY_ID']}/{scope},"
        f" SignedHeaders={names}, Signature={signature}"
    )
    try:
        with urllib.request.urlopen(urllib.request.Request(ENDPOINT + path, headers=headers)) as response:
            return response.read()
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise
