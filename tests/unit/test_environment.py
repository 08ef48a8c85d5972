"""Proxies and certificates of the environment: the rule that both faces share."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING

import pytest

from flue import FlueConnectionError
from flue._environment import ca_bundle, proxy_for, ssl_context

if TYPE_CHECKING:
    from pathlib import Path

PROXY = "http://proxy.test:3128"


@pytest.fixture(autouse=True)
def empty(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name == "REQUEST_METHOD" or "CA_BUNDLE" in name or "SSL_CERT" in name:
            monkeypatch.delenv(name)


def given(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("variables", "url", "proxy"),
    [
        ({}, "http://h.test", None),
        ({"HTTP_PROXY": PROXY}, "http://h.test", PROXY),
        ({"http_proxy": PROXY}, "http://h.test", PROXY),
        ({"HTTP_PROXY": "http://other.test", "http_proxy": PROXY}, "http://h.test", PROXY),
        ({"HTTP_PROXY": PROXY}, "https://h.test", None),
        ({"HTTPS_PROXY": PROXY}, "https://h.test", PROXY),
        ({"ALL_PROXY": PROXY}, "https://h.test", PROXY),
        ({"ALL_PROXY": "http://other.test", "HTTPS_PROXY": PROXY}, "https://h.test", PROXY),
        ({"HTTP_PROXY": "proxy.test:3128"}, "http://h.test", PROXY),
        ({"HTTP_PROXY": "http://user:p%40ss@proxy.test:3128"}, "http://h.test", "http://user:p%40ss@proxy.test:3128"),
        ({"ALL_PROXY": "socks5h://proxy.test:1080"}, "http://h.test", "socks5h://proxy.test:1080"),
        ({"HTTP_PROXY": ""}, "http://h.test", None),
        ({"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"}, "http://h.test", None),
        ({"http_proxy": PROXY, "REQUEST_METHOD": "GET"}, "http://h.test", PROXY),
    ],
)
def test_which_proxy(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], url: str, proxy: str | None) -> None:
    given(monkeypatch, **variables)
    assert proxy_for(url) == proxy


@pytest.mark.parametrize(
    ("no_proxy", "url", "direct"),
    [
        ("*", "http://h.test", True),
        ("other.test,*", "http://h.test", True),
        ("h.test", "http://h.test", True),
        ("H.Test", "http://h.test", True),
        ("h.test", "http://h.test.:80", True),
        ("test", "http://h.test", True),
        (".test", "http://h.test", True),
        ("*.test", "http://h.test", True),
        (".h.test", "http://h.test", True),
        ("h.test", "http://nah.test", False),
        (" other.test , h.test ", "http://h.test", True),
        ("other.test h.test", "http://h.test", True),
        ("h.test:80", "http://h.test", True),
        ("h.test:8080", "http://h.test:8080", True),
        ("h.test:8080", "http://h.test", False),
        ("münchen.test", "http://xn--mnchen-3ya.test", True),
        ("127.0.0.1", "http://127.0.0.1:9", True),
        ("127.0.0.1:9", "http://127.0.0.1:9", True),
        ("127.0.0.1:8", "http://127.0.0.1:9", False),
        ("0.0.1", "http://127.0.0.1", False),
        ("127.0.0.1,fd00::/8", "http://127.0.0.1:9", True),
        ("10.0.0.0/8", "http://10.20.30.40", True),
        ("10.1.2.3/8", "http://10.20.30.40", True),
        ("10.0.0.0/8", "http://11.20.30.40", False),
        ("::1", "http://[::1]:9", True),
        ("[::1]", "http://[::1]:9", True),
        ("[::1]:9", "http://[::1]:9", True),
        ("[::1]:8", "http://[::1]:9", False),
        ("0:0:0:0:0:0:0:1", "http://[::1]:9", True),
        ("fd00::/8", "http://[fd12:3456::1]", True),
        ("[fd00::]/8", "http://[fd12:3456::1]", True),
        ("fd00::/8", "http://[fe80::1]", False),
        ("fd00::/8,10.0.0.0/8,[::1]", "http://h.test", False),
        ("10.0.0.0/99,:,[,]", "http://h.test", False),
    ],
)
def test_no_proxy(monkeypatch: pytest.MonkeyPatch, no_proxy: str, url: str, direct: bool) -> None:
    given(monkeypatch, HTTP_PROXY=PROXY, NO_PROXY=no_proxy)
    assert proxy_for(url) == (None if direct else PROXY)


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("socks://user:secret@127.0.0.1:9/", "socks"),
        ("ftp://user:secret@127.0.0.1:9/", "ftp"),
        ("http://user:secret@127.0.0.1:port", "port"),
        ("http://user:secret@127.0.0.1:99999", "port"),
        ("http://user:secret@:80", "host"),
        ("http://user:secret@a b:80", "white space"),
        ("http://user:secret@[::1:80", "not a URL"),
    ],
)
def test_an_unusable_proxy_is_named_where_it_applies(monkeypatch: pytest.MonkeyPatch, value: str, word: str) -> None:
    given(monkeypatch, HTTPS_PROXY=value, NO_PROXY="direct.test")
    with pytest.raises(FlueConnectionError, match=word) as caught:
        proxy_for("https://h.test")
    assert "HTTPS_PROXY" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert proxy_for("http://h.test") is None
    assert proxy_for("https://direct.test") is None


def test_a_library_without_socks_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, all_proxy="socks5://127.0.0.1:9")
    with pytest.raises(FlueConnectionError, match=r"all_proxy .*extra"):
        proxy_for("http://h.test", schemes={"http", "https"})


def test_no_certificates_are_named() -> None:
    assert ca_bundle() == (None, None)


def test_which_certificates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bundle, other, folder = tmp_path / "a.pem", tmp_path / "b.pem", tmp_path / "folder"
    bundle.touch()
    other.touch()
    folder.mkdir()
    given(monkeypatch, SSL_CERT_FILE=str(other), SSL_CERT_DIR=f"/nowhere{os.pathsep}{folder}")
    assert ca_bundle() == (str(other), f"/nowhere{os.pathsep}{folder}")
    given(monkeypatch, CURL_CA_BUNDLE=str(folder))
    assert ca_bundle() == (None, str(folder))
    given(monkeypatch, REQUESTS_CA_BUNDLE=str(bundle))
    assert ca_bundle() == (str(bundle), None)


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_missing_certificates_are_named(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    given(monkeypatch, **{variable: "/nowhere"})
    with pytest.raises(FlueConnectionError, match=f"{variable} .*/nowhere.* does not exist"):
        ca_bundle()


def test_a_file_without_certificates_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bundle = tmp_path / "empty.pem"
    bundle.write_text("nothing\n")
    given(monkeypatch, CURL_CA_BUNDLE=str(bundle))
    with pytest.raises(FlueConnectionError, match="CURL_CA_BUNDLE"):
        ssl_context()
    assert ssl_context(trust_env=False).verify_mode is ssl.CERT_REQUIRED
