"""The built pages in a real browser: nothing sticks out, nothing is asked of another server, nothing complains."""

from __future__ import annotations

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

SITE = Path(__file__).parents[2] / "build" / "site"
PAGES = [path.parent.relative_to(SITE).as_posix() for path in sorted(SITE.rglob("index.html"))]
WIDTHS = (1300, 390)

LOOK = """(() => {
  const right = element => element.getBoundingClientRect().right;
  const scrolled = ".machine, .highlight, .md-typeset__scrollwrap, .headerlink";
  const broken = code => code.getClientRects().length > 1 && !/[\\s-]/.test(code.textContent);
  return {
    window: innerWidth,
    page: document.documentElement.scrollWidth,
    heading: document.querySelector("article h1").getBoundingClientRect().width,
    outside: [...document.querySelectorAll("article *")]
      .filter(element => !element.closest(scrolled) && right(element) > innerWidth).map(element => element.outerHTML),
    broken: [...document.querySelectorAll("article td code")].filter(broken).map(code => code.textContent),
    small: [...document.querySelectorAll(".machine text")]
      .filter(text => text.getBoundingClientRect().height < 11).map(text => text.textContent),
  };
})()"""


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def site():
    """Where the pages are served."""
    if not PAGES:
        pytest.skip("the site is not built (make docs)")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(SITE))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("page", PAGES or ["none"])
def test_a_page_fits_and_needs_nothing_else(browser, site, page):
    browser.open(f"{site}/{page}/", width=WIDTHS[0])
    for width in WIDTHS:
        browser.resize(width)
        seen = browser.ask(LOOK)
        assert seen["page"] <= seen["window"] == width
        assert seen["heading"] > 0
        assert seen["outside"] == []
        assert seen["broken"] == []
        assert seen["small"] == []
    assert browser.complaints == []
    assert {url for url in browser.requests if not url.startswith((site, "data:"))} == set()
