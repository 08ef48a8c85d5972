"""Whom a client trusts: the variables of the environment count alike on both faces."""

from __future__ import annotations

import shutil
import ssl

import pytest
import trustme

from flue import BackoffOptions, FlueConnectionError
from flue.testing import FlueTestServer

from .frames import indexes, logs
from .harness import BRIEF, on_both_faces
from .reading import AUTHORITY
from .stations import server_context

HASHED = "f8ee71b9.0"
"""Under which name OpenSSL looks for `AUTHORITY` in a folder: `openssl x509 -subject_hash`."""
VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(scope="module")
def authorities(tmp_path_factory):
    """Files and folders: the right authority, and another one."""
    folder = tmp_path_factory.mktemp("authorities")
    other = folder / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    (folder / "hashed").mkdir()
    shutil.copy(AUTHORITY, folder / "hashed" / HASHED)
    (folder / "empty").mkdir()
    return {"file": AUTHORITY, "folder": str(folder / "hashed"), "other": str(other), "empty": str(folder / "empty")}


def read_all(face, client, server):
    run_id = server.create_run()
    server.append(run_id, *logs(0, 2), raw=True)
    server.finish_run(run_id)
    server.add_workflow("report", lambda _run: 1)
    assert face.wait(client.runs.get, run_id, backoff_options=BRIEF).run_id == run_id
    for live in (False, "sse", "long-poll"):
        assert indexes(face.stream(run_id, client, live=live, backoff_options=BRIEF).collect()) == [0, 1, 2]
    assert face.wait(client.workflows.invoke, "report").run_id


def refused(face, client, words):
    """The request fails at the first try, with these words."""
    told = []
    options = BackoffOptions(initial_delay=0.001, max_retries=3, on_failed_attempt=told.append)
    with pytest.raises(FlueConnectionError, match=words):
        face.wait(client.runs.get, "run_1", backoff_options=options)
    assert [attempt.will_retry for attempt in told] in ([], [False])


TRUSTED = [
    {"REQUESTS_CA_BUNDLE": "file"},
    {"CURL_CA_BUNDLE": "file"},
    {"SSL_CERT_FILE": "file"},
    {"SSL_CERT_DIR": "folder"},
    {"REQUESTS_CA_BUNDLE": "folder"},
    {"CURL_CA_BUNDLE": "folder"},
    {"SSL_CERT_FILE": "file", "SSL_CERT_DIR": "empty"},
    {"SSL_CERT_FILE": "other", "SSL_CERT_DIR": "folder"},
    {"REQUESTS_CA_BUNDLE": "file", "CURL_CA_BUNDLE": "other"},
    {"REQUESTS_CA_BUNDLE": "file", "SSL_CERT_FILE": "other"},
    {"CURL_CA_BUNDLE": "file", "SSL_CERT_FILE": "other"},
]
DISTRUSTED = [
    {},
    {"REQUESTS_CA_BUNDLE": "other"},
    {"CURL_CA_BUNDLE": "other"},
    {"SSL_CERT_FILE": "other"},
    {"SSL_CERT_DIR": "empty"},
    {"REQUESTS_CA_BUNDLE": "other", "CURL_CA_BUNDLE": "file"},
    {"REQUESTS_CA_BUNDLE": "other", "SSL_CERT_FILE": "file"},
    {"CURL_CA_BUNDLE": "other", "SSL_CERT_DIR": "folder"},
]


def name_of(variables):
    return ",".join(f"{name}={value}" for name, value in variables.items()) or "none"


def setting(monkeypatch, variables, authorities):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, authorities.get(value, value))


@pytest.mark.parametrize("variables", TRUSTED, ids=name_of)
@on_both_faces
def test_trusted(face, variables, monkeypatch, authorities):
    """The bundle of requests' variables counts first, then those of OpenSSL."""
    setting(monkeypatch, variables, authorities)
    with FlueTestServer(ssl_context=server_context()) as server:
        client = face.new_client(base_url=server.base_url)
        read_all(face, client, server)
        face.wait(client.aclose if face.is_async else client.close)


@pytest.mark.parametrize("variables", DISTRUSTED, ids=name_of)
@on_both_faces
def test_not_trusted(face, variables, monkeypatch, authorities):
    """At once, and nothing reaches the server."""
    setting(monkeypatch, variables, authorities)
    with FlueTestServer(ssl_context=server_context()) as server:
        client = face.new_client(base_url=server.base_url)
        refused(face, client, "CERTIFICATE_VERIFY_FAILED")
        assert server.requests == []
        face.wait(client.aclose if face.is_async else client.close)


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize("content", ["missing", "garbage"])
@on_both_faces
def test_a_bundle_that_cannot_be_used(face, content, variable, monkeypatch, authorities, tmp_path):
    """Where TLS is spoken the error names the variable, at once; without TLS it does not matter."""
    path = tmp_path / "bundle.pem"
    if content == "garbage":
        path.write_text("no certificate\n")
    setting(monkeypatch, {variable: str(path)}, authorities)
    run_id = face.server.create_run()
    assert face.get(run_id).run_id == run_id
    with FlueTestServer(ssl_context=server_context()) as server:
        refused(face, face.new_client(base_url=server.base_url), variable)
        assert server.requests == []


@on_both_faces
def test_a_host_that_the_certificate_does_not_name(face, monkeypatch, authorities):
    """A trusted authority is not enough."""
    setting(monkeypatch, {"REQUESTS_CA_BUNDLE": "other", "SSL_CERT_FILE": "other"}, authorities)
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("flue.test").configure_cert(context)
    with FlueTestServer(ssl_context=context) as server, authority.cert_pem.tempfile() as bundle:
        setting(monkeypatch, {"REQUESTS_CA_BUNDLE": bundle, "SSL_CERT_FILE": bundle}, {})
        refused(face, face.new_client(base_url=server.base_url), "CERTIFICATE_VERIFY_FAILED")
        assert server.requests == []
