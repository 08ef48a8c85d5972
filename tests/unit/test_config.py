"""What a client is told once, checked before any I/O."""

from __future__ import annotations

import functools
import math

import pytest

from flue import config
from flue._requests import check_signal_and_timeout
from flue.config import MAX_SECONDS, Timeouts, resolve
from flue.core.retry import BackoffOptions

SECRET = "s3cret-t0ken"


def settings(base_url="http://h", token=None, headers=None, timeout=None, max_event_bytes=None, *, allow_async=False):
    return resolve(base_url, token, headers, timeout, max_event_bytes, allow_async=allow_async)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    monkeypatch.delenv("FLUE_BASE_URL", raising=False)
    monkeypatch.delenv("FLUE_TOKEN", raising=False)


class TestBaseUrl:
    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            ("http://h", "http://h"),
            ("HTTPS://Host:8443/api/", "https://Host:8443/api"),
            ("http://h/api///", "http://h/api"),
            ("http://h/a%2Fb", "http://h/a%2Fb"),
            ("http://h/grün", "http://h/gr%C3%BCn"),
            ("http://[::1]:3583", "http://[::1]:3583"),
            ("http://127.0.0.1:3583/x/y", "http://127.0.0.1:3583/x/y"),
            ("http://münchen.test:8/x", "http://xn--mnchen-3ya.test:8/x"),
            ("http://under_score.test.", "http://under_score.test."),
            ("http://a_b.xn--mnchen-3ya.test", "http://a_b.xn--mnchen-3ya.test"),
            ("http://xn--mnchen-3ya.test", "http://xn--mnchen-3ya.test"),
            # What one HTTP library would rewrite and the other would not.
            ("http://h/a/./b/../c", "http://h/a/c"),
            ("http://h/../a/..", "http://h"),
            ("http://h//a", "http://h//a"),
            ("http://h/a%zz%2fb%", "http://h/a%25zz%2Fb%25"),
        ],
    )
    def test_what_is_kept(self, given, kept):
        assert settings(given).base_url == kept

    @pytest.mark.parametrize(
        ("given", "fault"),
        [
            ("", "relative"),
            ("/api", "relative"),
            ("h/api", "relative"),
            ("//h/api", "relative"),
            ("localhost:3583", "scheme 'localhost'"),
            ("ftp://h", "scheme 'ftp'"),
            ("http://", "no host"),
            ("http:///api", "no host"),
            ("http://:80", "no host"),
            (" http://h", "white space"),
            ("http://h/ ", "white space"),
            ("http://h/a b", "white space"),
            ("http://h\n", "white space"),
            ("http://h/\0", "control"),
            ("http://h?x=1", "query"),
            ("http://h/api?", "query"),
            ("http://h/#part", "fragment"),
            ("http://h#", "fragment"),
            ("http://h\\api", "backslash"),
            ("http://h:99999", "not a URL"),
            ("http://h:0/a", "the port 0"),
            ("http://[fe80::1%25eth0]/a", "IPv6 address with a zone"),
            ("http://[fe80::1%eth0]/a", "IPv6 address with a zone"),
            ("http://h:port", "not a URL"),
            ("http://[::1", "not a URL"),
            ("http://[v1.x]", "no IPv6 address"),
            ("http://a..b:9/api", "IDNA"),
            ("http://.a", "IDNA"),
            (f"http://{'a' * 64}.test", "IDNA"),
            (f"http://{'.'.join(['a' * 60] * 5)}", "IDNA"),
            ("http://münchen..test", "IDNA"),
            (f"http://{'ü' * 64}.test", "IDNA"),
            ("http://☃.test", "IDNA"),
            ("http://xn--/api", "IDNA"),
            ("http://xn--a.test", "IDNA"),
            ("http://XN--a.test", "IDNA"),
            ("http://a.xn--a.test", "IDNA"),
            ("http://xn--mnchen-3ya.under_score.test", "IDNA"),
            ("http://a%41", "no host name has"),
        ],
    )
    def test_what_is_refused(self, given, fault):
        with pytest.raises(ValueError, match=fault) as caught:
            settings(given)
        assert "base_url" in str(caught.value)

    @pytest.mark.parametrize(
        "given", [f"http://user:{SECRET}@h", f"http://{SECRET}@h/api", f"ftp://a:{SECRET}@h", f"http://a:{SECRET}@h:x"]
    )
    def test_user_info_is_refused_and_not_shown(self, given):
        with pytest.raises(ValueError, match="base_url") as caught:
            settings(given)
        assert SECRET not in str(caught.value)

    @pytest.mark.parametrize("given", [b"http://h", 7, ["http://h"]])
    def test_only_str_is_taken(self, given):
        with pytest.raises(TypeError, match="base_url must be str"):
            settings(given)

    def test_the_environment(self, monkeypatch):
        with pytest.raises(ValueError, match="base_url is missing: pass it, or set FLUE_BASE_URL"):
            settings(None)
        monkeypatch.setenv("FLUE_BASE_URL", "")
        with pytest.raises(ValueError, match="base_url is missing"):
            settings(None)
        monkeypatch.setenv("FLUE_BASE_URL", "http://env/")
        assert settings(None).base_url == "http://env"
        assert settings("http://given").base_url == "http://given"


@pytest.mark.parametrize("given", [None, 1, "yes"])
def test_trust_env_is_a_bool(given):
    with pytest.raises(TypeError, match="trust_env must be a bool"):
        resolve("http://h", None, None, None, None, trust_env=given, allow_async=False)


class TestToken:
    def test_it_is_a_bearer_token(self):
        assert settings(token=SECRET).request_headers({}) == {"authorization": f"Bearer {SECRET}"}
        assert settings().request_headers({}) == {}
        assert settings(token="").request_headers({}) == {}

    def test_the_environment(self, monkeypatch):
        monkeypatch.setenv("FLUE_TOKEN", "env")
        assert settings().token == "env"
        assert settings(token="given").token == "given"
        assert settings(token="").token is None

    @pytest.mark.parametrize(
        "token", [f"{SECRET}\n", f"{SECRET}\r\nx: y", f"{SECRET}\0", f"{SECRET}→", f"{SECRET}\x01"]
    )
    def test_what_no_header_carries_is_refused_and_not_shown(self, token):
        with pytest.raises(ValueError, match="token contains") as caught:
            settings(token=token)
        assert SECRET not in str(caught.value)

    def test_white_space_alone_is_no_token(self):
        assert settings(token="  ").request_headers({}) == {}

    def test_only_str_is_taken(self):
        with pytest.raises(TypeError, match="token must be str, not bytes"):
            settings(token=b"x")


class TestHeaders:
    def test_they_are_merged_over_the_token(self):
        made = settings(token="t", headers={"X-A": " 1\t", "x-b": None})
        assert made.request_headers(made.headers) == {"authorization": "Bearer t", "x-a": "1"}
        assert made.request_headers({"AUTHORIZATION": "Basic x"}) == {"authorization": "Basic x"}
        assert made.request_headers({"Authorization": None}) == {}

    @pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\0", "€", "a\x01b", "\x1f"])
    def test_what_no_message_carries_is_refused(self, value):
        for check in (lambda headers: settings(headers=headers), settings().request_headers):
            with pytest.raises(ValueError, match="header 'X-Key' contains"):
                check({"X-Key": f"{SECRET}{value}"})

    def test_values_are_not_shown(self):
        with pytest.raises(ValueError, match="contains") as caught:
            settings(headers={"X-Key": f"{SECRET}\n"})
        assert SECRET not in str(caught.value)
        assert SECRET not in repr(settings(token=SECRET, headers={"X-Key": SECRET}))

    @pytest.mark.parametrize("name", ["", "a b", "a:b", "a\n", "größe", "(x)"])
    def test_names_are_checked(self, name):
        with pytest.raises(ValueError, match="not a header name"):
            settings(headers={name: "x"})

    @pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "Connection"])
    def test_framing_belongs_to_the_transport(self, name):
        with pytest.raises(ValueError, match="belongs to the transport"):
            settings(headers={name: "x"})

    def test_types_are_checked(self):
        with pytest.raises(TypeError, match="headers must be a mapping"):
            settings(headers=[("a", "b")])
        with pytest.raises(TypeError, match="header names must be str, not bytes"):
            settings(headers={b"a": "b"})
        with pytest.raises(TypeError, match="the value of header 'a' must be str, not int"):
            settings(headers={"a": 1})
        with pytest.raises(TypeError, match="headers must be a mapping"):
            settings().request_headers(None)

    def test_latin_1_is_kept(self):
        assert settings().request_headers({"x": "grün\tblau"}) == {"x": "grün\tblau"}

    def test_a_callable_is_not_called_here(self):
        calls = []
        made = settings(headers=lambda: calls.append(1) or {})
        assert made.has_dynamic_headers
        assert calls == []
        assert not settings(headers={"a": "b"}).has_dynamic_headers

    def test_an_async_callable_needs_the_async_client(self):

        async def source():
            return {}

        class Source:
            async def __call__(self):
                return {}

        for headers in (source, Source(), functools.partial(source)):
            with pytest.raises(TypeError, match="an async header callable needs AsyncFlueClient"):
                settings(headers=headers)
            assert settings(headers=headers, allow_async=True).headers is headers


class TestTimeouts:
    def test_never_infinite(self):
        assert settings().timeouts == Timeouts(connect=10.0, read=90.0)
        assert settings(timeout=5).timeouts == Timeouts(connect=5.0, read=5.0)
        assert settings(timeout=Timeouts(read=45)).timeouts == Timeouts(connect=10.0, read=45.0)

    @pytest.mark.parametrize("wrong", [0, -1, math.inf, math.nan])
    def test_numbers_are_checked(self, wrong):
        with pytest.raises(ValueError, match="timeout must be a finite number of seconds > 0"):
            settings(timeout=wrong)
        with pytest.raises(ValueError, match=r"timeout\.read must be a finite number of seconds > 0"):
            Timeouts(read=wrong)

    @pytest.mark.parametrize("given", [10**10, 10**400, 1e300])
    def test_more_than_sockets_take(self, given):
        """A number that stands for no limit."""
        assert settings(timeout=given).timeouts == Timeouts(MAX_SECONDS, MAX_SECONDS)
        assert settings(timeout=Timeouts(read=given)).timeouts == Timeouts(read=MAX_SECONDS)
        assert check_signal_and_timeout(None, given) == MAX_SECONDS

    @pytest.mark.parametrize("wrong", ["5", True, (1, 2)])
    def test_types_are_checked(self, wrong):
        with pytest.raises(TypeError, match="timeout must be a number of seconds"):
            settings(timeout=wrong)
        with pytest.raises(TypeError, match=r"timeout\.connect must be a number of seconds"):
            Timeouts(connect=wrong)


class TestMaxBytes:
    def test_a_positive_number_or_none(self):
        assert settings().max_event_bytes is None
        assert settings(max_event_bytes=1).max_event_bytes == 1
        for wrong in (0, -5):
            with pytest.raises(ValueError, match="max_event_bytes must be >= 1"):
                settings(max_event_bytes=wrong)
        for wrong in (1.5, "9", True):
            with pytest.raises(TypeError, match="max_event_bytes must be an int or None"):
                settings(max_event_bytes=wrong)


class TestBackoff:
    def test_a_read_has_its_own_options_or_the_clients(self):
        own, clients = BackoffOptions(max_retries=1), BackoffOptions(max_retries=2)
        assert settings().backoff(None) is None
        assert settings().backoff(own) is own
        made = resolve("http://h", None, None, None, None, clients, allow_async=False)
        assert made.backoff(None) is clients
        assert made.backoff(own) is own

    def test_types_are_checked(self):
        with pytest.raises(TypeError, match="backoff_options must be BackoffOptions, not dict"):
            resolve("http://h", None, None, None, None, {"max_retries": 1}, allow_async=False)


def test_what_is_public_is_there():
    assert all(hasattr(config, name) for name in config.__all__)
