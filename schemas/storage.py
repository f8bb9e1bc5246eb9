"""Where bytes live: a local folder or an S3 bucket, spoken to in one way.

Endpoint and credentials come from the environment alone, never from citylake.toml.
Tables do not belong here (`schemas.lake`).
"""

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from pyarrow import fs

DELTA_TIMEOUTS = {"timeout": "30s", "connect_timeout": "5s", "max_retries": "3", "retry_timeout": "20s"}


def is_remote(uri: str) -> bool:
    """Whether the uri names object storage."""
    return uri.startswith("s3://")


def s3_options(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Options of delta-rs and Polars for S3, from AWS_* variables.

    AWS_ENDPOINT_URL names a server other than AWS; a plain http endpoint is allowed on loopback only.
    """
    env = os.environ if environment is None else environment
    options = {}
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION"):
        if env.get(name):
            options[name.lower()] = env[name]
    options.setdefault("aws_region", env.get("AWS_DEFAULT_REGION", "us-east-1"))
    endpoint = env.get("AWS_ENDPOINT_URL")
    if endpoint:
        options["aws_endpoint_url"] = endpoint
        if endpoint.startswith(("http://127.0.0.1", "http://localhost", "http://[::1]")):
            options["aws_allow_http"] = "true"
    return options


def options_for(uri: str) -> dict[str, str] | None:
    """Storage options for a uri, or None for the local file system."""
    return s3_options() if is_remote(uri) else None


def file_system(uri: str) -> tuple[fs.FileSystem, str]:
    """The pyarrow file system of a uri, and the path within it."""
    if not is_remote(uri):
        return fs.LocalFileSystem(), uri
    options = s3_options()
    endpoint = urlsplit(options.get("aws_endpoint_url", ""))
    store = fs.S3FileSystem(
        region=options["aws_region"],
        endpoint_override=endpoint.netloc or None,
        scheme=endpoint.scheme or "https",
        connect_timeout=5,
        request_timeout=30,
    )
    return store, uri.removeprefix("s3://")
