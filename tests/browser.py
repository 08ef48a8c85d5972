"""A real Chromium without a window: opens a page, and says what a person would see of it."""

from __future__ import annotations

import base64
import json
import os
import select
import subprocess
import time

PATIENCE = 60.0

# The browser speaks its DevTools protocol on the descriptors 3 and 4; its own messages go to standard error.
LAUNCH = ["sh", "-c", 'exec "$@" 3<&0 4>&1 0</dev/null 1>&2', "sh"]
OPTIONS = [
    "--headless=new",
    "--no-sandbox",  # which root does not have, nor most containers
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--proxy-server=127.0.0.1:9",  # nobody is there
    "--remote-debugging-pipe",
]
COMPLAINTS = {"Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Page.javascriptDialogOpening"}


class Browser:
    """One tab of a browser; use it as a context manager.

    Args:
        binary: Of Chromium.
        home: An empty directory for whatever it writes.
    """

    def __init__(self, binary, home):
        self._messages = (home / "messages").open("wb")
        self._process = subprocess.Popen(
            [*LAUNCH, binary, *OPTIONS, f"--user-data-dir={home / 'profile'}", "about:blank"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._messages,
            bufsize=0,
            env=os.environ | {"HOME": str(home)},
        )
        self._read = b""
        self._calls = 0
        self._session = {}
        self._events = []

    def __enter__(self):
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = {"sessionId": attached["sessionId"]}
        for domain in ("Page", "Network", "Runtime", "Log"):
            self._call(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(PATIENCE)
        for pipe in (self._process.stdin, self._process.stdout, self._messages):
            pipe.close()

    def open(self, url, *, width, height=800, scheme="light"):
        """Load a page into a window of so many pixels, and wait until it is there."""
        self._events.clear()
        self.resize(width, height)
        self.prefer(scheme)
        assert "errorText" not in self._call("Page.navigate", url=url)
        deadline = time.monotonic() + PATIENCE
        while not any(event["method"] == "Page.loadEventFired" for event in self._events):
            self._events.append(self._next(deadline))

    def resize(self, width, height=800):
        """Have a window of so many pixels; a narrow one is that of a telephone."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self._call("Emulation.setDeviceMetricsOverride", **size)

    def prefer(self, scheme):
        """Have the reader prefer `light` or `dark`."""
        self._call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def ask(self, script):
        """The value of an expression of JavaScript."""
        answer = self._call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def picture(self):
        """What is to be seen in the window, as a PNG."""
        return base64.b64decode(self._call("Page.captureScreenshot")["data"])

    @property
    def requests(self):
        """The URLs that the page has asked for, itself included."""
        sent = [event for event in self._events if event["method"] == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in sent]

    @property
    def complaints(self):
        """Errors, warnings and dialogs."""
        return [event for event in self._events if event["method"] in COMPLAINTS]

    def _call(self, method, **parameters):
        self._calls += 1
        message = {"id": self._calls, "method": method, "params": parameters} | self._session
        self._process.stdin.write(json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = self._next(deadline)
            if answer.get("id") == self._calls:
                assert "error" not in answer, answer
                return answer["result"]
            self._events.append(answer)

    def _next(self, deadline):
        pipe = self._process.stdout.fileno()
        while b"\0" not in self._read:
            ready, _, _ = select.select([pipe], [], [], max(deadline - time.monotonic(), 0))
            assert ready, f"the browser does not answer; see {self._messages.name}"
            data = os.read(pipe, 65536)
            assert data, f"the browser has ended; see {self._messages.name}"
            self._read += data
        message, _, self._read = self._read.partition(b"\0")
        return json.loads(message)
