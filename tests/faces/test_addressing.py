"""Where a request goes: ids stay in their path segment, base URLs keep their prefix, everything else is refused."""

from __future__ import annotations

import pytest

from flue import NotFoundError

from .frames import log
from .harness import on_both_faces

#: What is refused as an id or a name, and why. `%2E%2E` would not help: requests and many servers read it as `..`.
REFUSED = [
    ("", ValueError, "must not be ''"),
    ("a\ud800b", ValueError, "lone surrogate"),
    (1, TypeError, "must be str, not int"),
]


@pytest.mark.parametrize(("run_id", "error", "text"), REFUSED)
@on_both_faces
def test_ids_that_are_refused(face, run_id, error, text):
    """Refused before any I/O, by a stream when it is made."""
    for call in (face.get, face.events, face.stream):
        with pytest.raises(error, match=f"run_id .*{text}"):
            call(run_id)
    assert face.targets == []


@pytest.mark.parametrize(("name", "error", "text"), REFUSED)
@on_both_faces
def test_workflow_names_that_are_refused(face, name, error, text):
    for call in (face.invoke, face.run):
        with pytest.raises(error, match=f"name .*{text}"):
            call(name)
    assert face.targets == []


@pytest.mark.parametrize(
    ("run_id", "segment"),
    [
        ("a/b", "a%2Fb"),
        ("%2F", "%252F"),
        ("a b?c#d;e+f&g=h", "a%20b%3Fc%23d%3Be%2Bf%26g%3Dh"),
        ('it\'s (a) "test"!*~', "it's%20(a)%20%22test%22!*~"),
        ("läuft/🚀", "l%C3%A4uft%2F%F0%9F%9A%80"),
        ("...", "..."),
        ("../../admin", "..%2F..%2Fadmin"),
        ("a:b@c$d,e", "a%3Ab%40c%24d%2Ce"),
        ("back\\slash", "back%5Cslash"),
    ],
)
@on_both_faces
def test_ids_are_one_path_segment(face, run_id, segment):
    """The run is found under its own id: the server decodes what was encoded."""
    face.server.create_run(run_id=run_id)
    face.server.append(run_id, log(0, runId=run_id))
    face.server.close_run(run_id)
    assert face.get(run_id).run_id == run_id
    assert [event.run_id for event in face.events(run_id)] == [run_id]
    assert [event.run_id for event in face.stream(run_id)] == [run_id]
    path = f"/api/runs/{segment}"
    assert face.targets == [f"{path}?meta", f"{path}?offset=-1", f"{path}?offset=-1"]


@pytest.mark.parametrize(("run_id", "segment"), [("a\0b", "a%00b"), ("a\r\nb", "a%0D%0Ab"), ("\x7f", "%7F")])
@on_both_faces
def test_control_characters_are_encoded(face, run_id, segment):
    """No line break reaches the request line; the server knows no such run."""
    with pytest.raises(NotFoundError):
        face.get(run_id)
    assert face.targets == [f"/api/runs/{segment}?meta"]


@on_both_faces
def test_workflow_names_are_one_path_segment(face):
    face.server.add_workflow("re/port 1", lambda _run: None)
    assert face.invoke("re/port 1").run_id.startswith("run_")
    assert face.targets == ["/api/workflows/re%2Fport%201"]


@pytest.mark.parametrize(
    ("path", "prefix"),
    [
        ("", ""),
        ("/", ""),
        ("/api///", "/api"),
        ("/a%2Fb/", "/a%2Fb"),
        ("/deep/er", "/deep/er"),
        ("/über", "/%C3%BCber"),
    ],
)
@on_both_faces
def test_the_prefix_of_the_base_url_is_kept(face, path, prefix):
    """Slashes at its end do not count, encoded ones inside stay as they are."""
    client = face.new_client(base_url=face.server.base_url.removesuffix("/api") + path)
    with pytest.raises(NotFoundError):
        face.wait(client.runs.get, "run_1")
    assert face.targets == [f"{prefix}/runs/run_1?meta"]
    assert repr(client).endswith(f"{prefix}>")
