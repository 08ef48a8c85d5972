"""The page of `runs timeline --html`, as a person sees it: in a real browser, wide and narrow, light and dark."""

from __future__ import annotations

import re
from itertools import chain, pairwise

import pytest

from flue.cli.timeline import page

from .wire import ended, event, operation, run_timeline

WIDE, NARROW = 1200, 390

# Everything that is to be seen, as numbers: boxes in pixels of the window, colours as the browser has computed them.
LOOK = """(() => {
  const box = element => { const {left, right, top, bottom} = element.getBoundingClientRect(); return {left, right, top, bottom}; };
  const all = (selector, inside) => [...(inside || document).querySelectorAll(selector)];
  const texts = all("h1, p, th, tbody td:last-child, svg text, li").filter(element => element.textContent.trim());
  return {
    window: innerWidth,
    page: document.documentElement.scrollWidth,
    axis: box(document.querySelector("thead svg")),
    prose: all("h1, p, li").map(box),
    marks: all("thead text").map(box),
    texts: texts.map(element => ({
      text: element.textContent,
      size: parseFloat(getComputedStyle(element).fontSize),
      colour: getComputedStyle(element)[element instanceof SVGElement ? "fill" : "color"],
    })),
    ground: getComputedStyle(document.body).backgroundColor,
    rows: all("tbody tr").map(row => {
      const [label, cell, took] = row.children, bar = cell.querySelector("rect");
      row.scrollIntoView({block: "center"});
      bar.scrollIntoView({block: "nearest", inline: "center"});
      const at = box(bar);
      return {
        row: box(row), label: box(label), axis: box(cell.querySelector("svg")), bar: at, took: box(took),
        cut: took.scrollWidth > took.clientWidth,
        seen: document.elementFromPoint((at.left + at.right) / 2, (at.top + at.bottom) / 2) === bar,
        fill: getComputedStyle(bar).fill,
        name: label.textContent,
        time: took.textContent,
      };
    }),
  };
})()"""


def tool(number, start, end, *, name="bash", failed=False, **arguments):
    call = {"toolName": name, "toolCallId": f"call_{number}", "operationId": "op"}
    begun = event("tool_start", start, args=arguments or {"command": "ls"}, **call)
    return [begun, ended("tool", end, end - start, failed=failed, **call)]


def completed(*seen, took=0, **fields):
    """A run of one operation that took so many milliseconds."""
    end = [ended("operation", took - 10, took, operationId="op", operationKind="prompt"), ended("run_end", took, took)]
    return run_timeline(operation("op", 10), *seen, *end, status="completed", durationMs=took, **fields)


def failed():
    said = "the model said no: " + "because " * 60 + "x" * 300
    seen = [*tool(1, 100, 900), *tool(2, 900, 2000, failed=True), ended("run_end", 2345, 2345, failed=True)]
    error = {"name": "RuntimeError", "message": said}
    fields = {"status": "errored", "isError": True, "durationMs": 2345, "error": error}
    return run_timeline(operation("op", 10), *seen, **fields)


def unfinished():
    task = event("task_start", 1000, taskId="k", agent="scout", prompt="look around", operationId="op")
    turn = event("turn_start", 1200, turnId="t", purpose="agent", operationId="op", taskId="k")
    return run_timeline(operation("op", 10), *tool(1, 20, 900), task, turn)


def long_names():
    names = ["W" * 60, "雨の日には傘をさして歩く猫" * 5, "mcp__server__everything", "🌊" * 40, "i" * 200]
    calls = (tool(n, n * 60_000, n * 60_000 + 49_000, name=name, q="M" * 50) for n, name in enumerate(names))
    return completed(*chain(*calls), took=3_725_000, workflowName="a-workflow-with-a-long-name-" * 6)


def many_bars():
    return completed(*chain(*(tool(n, n * 400, n * 400 + 390) for n in range(300))), took=120_500)


def deep():
    seen = []
    for n in range(15):
        seen.append(operation(f"o{n}", n * 9, **({"taskId": f"k{n - 1}"} if n else {})))
        seen.append(event("task_start", n * 9 + 5, taskId=f"k{n}", agent=f"scout {n}", prompt="", operationId=f"o{n}"))
    return completed(*seen, took=400)


def no_time():
    return run_timeline(ended("run_end"), status="completed", durationMs=0)


RUNS = [failed, unfinished, long_names, many_bars, deep, run_timeline, no_time]


@pytest.fixture
def show(browser, tmp_path):
    """Opens the page of a timeline in the browser."""

    def opened(drawn, **window):
        file = tmp_path / "timeline.html"
        file.write_text(page(drawn), encoding="utf-8")
        browser.open(file.as_uri(), **window)
        return browser

    return opened


def luminance(colour):
    red, green, blue = (int(part) / 255 for part in re.findall(r"\d+", colour)[:3])
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in (red, green, blue)]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("run", RUNS)
def test_everything_is_there_to_be_seen(show, run, width):
    drawn = run()
    seen = (browser := show(drawn, width=width)).ask(LOOK)
    assert browser.complaints == []
    assert [url.partition(":")[0] for url in browser.requests] == ["file"]
    assert seen["page"] <= seen["window"]
    assert all(box["left"] >= 0 and box["right"] <= width for box in seen["prose"])
    assert [row["name"] for row in seen["rows"]] == [bar.label for bar in drawn.bars]
    for row in seen["rows"]:
        bar, axis = row["bar"], row["axis"]
        assert bar["right"] - bar["left"] >= 0.9, row
        assert bar["bottom"] - bar["top"] >= 12, row
        assert axis["left"] - 0.5 <= bar["left"], row
        assert bar["right"] <= axis["right"] + 0.5, row
        assert axis["right"] - axis["left"] >= 250, row
        assert row["label"]["right"] <= axis["left"] + 0.5, row
        assert axis["right"] <= row["took"]["left"] + 0.5, row
        assert row["seen"], row
        assert not row["cut"], row
        assert row["row"]["top"] <= bar["top"]
        assert bar["bottom"] <= row["row"]["bottom"]
    axis, marks = seen["axis"], seen["marks"]
    assert 2 <= len(marks) <= 7
    assert all(left["right"] + 4 <= right["left"] for left, right in pairwise(marks))
    assert axis["left"] - 0.5 <= marks[0]["left"]
    assert marks[-1]["right"] <= axis["right"] + 0.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("run", [failed, unfinished])
def test_everything_can_be_read(show, run, scheme):
    seen = show(run(), width=WIDE, scheme=scheme).ask(LOOK)
    assert (luminance(seen["ground"]) < 0.1) == (scheme == "dark")
    for text in seen["texts"]:
        assert text["size"] >= 12, text
        assert contrast(text["colour"], seen["ground"]) >= 4.5, text
    for row in seen["rows"]:
        assert contrast(row["fill"], seen["ground"]) >= 3, row


def test_a_failure_is_told_by_more_than_its_colour(show):
    rows = show(failed(), width=WIDE).ask(LOOK)["rows"]
    assert [row["time"] for row in rows] == ["✗ 2.3 s", "unfinished", "800 ms", "✗ 1.1 s"]
    assert rows[0]["fill"] == rows[3]["fill"] != rows[2]["fill"]


def test_what_a_server_says_is_text(show):
    evil = "<img src=x onerror=alert(1)><script>alert(2)</script>\"'&amp;"
    call = tool(1, 0, 5, name=evil, **{evil: evil})
    browser = show(run_timeline(*call, workflowName=evil, status="errored", error={"message": evil}), width=WIDE)
    assert browser.ask("document.querySelectorAll('img, script').length") == 0
    assert browser.ask("document.querySelector('h1').textContent") == evil
    assert browser.ask("document.querySelector('tr.tool').title").startswith(evil)
    assert browser.complaints == []
