"""Whom a client trusts: the variables of the environment count alike on both faces."""

from __future__ import annotations

import shutil
import ssl

import httpx
import pytest
import requests
import trustme

from flue import BackoffOptions, FlueConnectionError
from flue.testing import FlueTestServer

from .frames import RUN, indexes
from .harness import BRIEF, on_both_faces
from .reading import AUTHORITY
from .stations import server_context, serving

HASHED = "f8ee71b9.0"
"""Under which name OpenSSL looks for `AUTHORITY` in a folder: `openssl x509 -subject_hash`."""


@pytest.fixture(scope="module")
def authorities(tmp_path_factory):
    """Files and folders: the right authority, and another one."""
    folder = tmp_path_factory.mktemp("authorities")
    other = folder / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    (folder / "hashed").mkdir()
    shutil.copy(AUTHORITY, folder / "hashed" / HASHED)
    return {"file": AUTHORITY, "folder": str(folder / "hashed"), "other": str(other)}


def refused(face, url, words):
    """Nothing is sent, and nothing tried again."""
    told = []
    options = {"backoff_options": BackoffOptions(initial_delay=0.001, max_retries=3, on_failed_attempt=told.append)}
    client = face.new_client(base_url=url)
    for call, given in ((client.runs.get, options), (client.runs.events, options), (client.workflows.invoke, {})):
        with pytest.raises(FlueConnectionError, match=words) as caught:
            face.wait(call, RUN, **given)
    assert [attempt.will_retry for attempt in told] in ([], [False] * 2)
    return caught.value


@pytest.mark.parametrize(
    "variables",
    [
        {"REQUESTS_CA_BUNDLE": "file", "SSL_CERT_FILE": "other"},
        {"CURL_CA_BUNDLE": "folder"},
        {"SSL_CERT_FILE": "other", "SSL_CERT_DIR": "folder"},
    ],
    ids=str,
)
@on_both_faces(compare=False)
def test_trusted(face, variables, monkeypatch, authorities):
    """Which variable counts is decided once; here both libraries live by it, in every kind of request."""
    for name, value in variables.items():
        monkeypatch.setenv(name, authorities[value])
    with serving("https") as server:
        server.finish_run(RUN)
        server.add_workflow("report", lambda _run: 1)
        client = face.new_client(base_url=server.base_url)
        assert face.wait(client.runs.get, RUN, backoff_options=BRIEF).run_id == RUN
        for live in (False, "sse", "long-poll"):
            assert indexes(face.stream(RUN, client, live=live, backoff_options=BRIEF).collect()) == [0, 1]
        assert face.wait(client.workflows.invoke, "report").run_id


@pytest.mark.parametrize(
    "variables", [{}, {"REQUESTS_CA_BUNDLE": "other", "SSL_CERT_FILE": "file"}, {"SSL_CERT_FILE": "other"}], ids=str
)
@on_both_faces(compare=False)
def test_not_trusted(face, variables, monkeypatch, authorities):
    """At once, and nothing reaches the server."""
    for name, value in variables.items():
        monkeypatch.setenv(name, authorities[value])
    with serving("https") as server:
        error = refused(face, server.base_url, "CERTIFICATE_VERIFY_FAILED")
        assert isinstance(error.__cause__, httpx.HTTPError if face.is_async else requests.RequestException)
        assert server.requests == []


@pytest.mark.parametrize("content", ["missing", "garbage"])
@on_both_faces
def test_a_bundle_that_cannot_be_used(face, content, monkeypatch, tmp_path):
    """Where TLS is spoken the error names the variable, at once; without TLS it does not matter."""
    path = tmp_path / "bundle.pem"
    if content == "garbage":
        path.write_text("no certificate\n")
    monkeypatch.setenv("CURL_CA_BUNDLE", str(path))
    run_id = face.server.create_run()
    assert face.get(run_id).run_id == run_id
    with FlueTestServer(ssl_context=server_context()) as server:
        refused(face, server.base_url, "CURL_CA_BUNDLE")
        assert server.requests == []


@on_both_faces(compare=False)
def test_a_host_that_the_certificate_does_not_name(face, monkeypatch):
    """A trusted authority is not enough."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("flue.test").configure_cert(context)
    with FlueTestServer(ssl_context=context) as server, authority.cert_pem.tempfile() as bundle:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)
        refused(face, server.base_url, "CERTIFICATE_VERIFY_FAILED")
        assert server.requests == []
