"""What can be pickled and copied: what was received, and nothing that is alive."""

from __future__ import annotations

import copy
import pickle

import pytest

import flue.errors
from flue import AbortError, AbortSignal, BackoffOptions, FlueApiError, FlueError, Timeouts
from flue.testing import Fault

from .frames import RUN, log, logs, page, run_end
from .harness import BRIEF, Face, on_both_faces

PROTOCOLS = range(2, pickle.HIGHEST_PROTOCOL + 1)


def refuses(value) -> None:
    """Neither pickle nor copy."""
    for protocol in PROTOCOLS:
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(value, protocol)
    for way in (copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled"):
            way(value)


@on_both_faces
def test_what_is_alive(face):
    """Clients, streams (untouched, open, over) and signals: a clear error, and they are none the worse."""
    face.server.script(RUN, [page(log(0), log(1), run_end(2), next_offset="0_2", closed=True)])
    signal = AbortSignal()
    stream = face.stream(RUN, signal=signal)
    refuses(stream.inner)
    stream.next()
    for value in (face.client, stream.inner, signal):
        refuses(value)
    assert len(stream.collect()) == 2
    refuses(stream.inner)


@on_both_faces
def test_events_and_records(face):
    """Equal again, by every protocol, copied shallow and deep."""
    run_id = face.server.create_run(run_id=RUN)
    face.server.append(run_id, *logs(0, 2), log(2, type="news"), log(3, level=7), raw=True)
    face.server.finish_run(run_id, result={"a": [1, "\ud83d"]})
    for value in [*face.events(run_id), face.get(run_id)]:
        for again in (*(pickle.loads(pickle.dumps(value, protocol)) for protocol in PROTOCOLS), copy.copy(value)):
            assert again == value
            assert type(again) is type(value)
        assert copy.deepcopy(value) == value


def test_options():
    """Values of the caller's travel to other processes."""
    for value in (BackoffOptions(max_retries=3), Timeouts(connect=1.0)):
        assert pickle.loads(pickle.dumps(value)) == value


def errors_of(face: Face) -> list[FlueError]:
    """One of each kind, as they come out of the clients."""
    server = face.server
    envelope = b'{"error":{"type":"x","message":"no","details":"d","meta":{"a":1}}}'
    caught: list[FlueError] = []

    def catch(call) -> None:
        with pytest.raises(FlueError) as info:
            call()
        caught.append(info.value)

    for status in (400, 401, 403, 404, 405, 409, 410, 416, 501):
        server.faults.add(Fault(status=status, body=envelope, headers=[("content-type", "application/json")]))
        catch(lambda: face.get(RUN))
    server.faults.add(Fault(status=429, headers=[("retry-after", "0.001")]), times=4)
    catch(lambda: face.stream(RUN, backoff_options=BRIEF).next())
    server.faults.add(Fault(refuse=True), times=4)
    catch(lambda: face.stream(RUN, backoff_options=BRIEF).next())
    server.script(RUN, [page(log(0, v=4), next_offset="0_0", closed=True), page(log(0), next_offset=None)])
    catch(lambda: face.events(RUN))
    catch(lambda: face.events(RUN))
    server.faults.add(Fault(stall_before_headers=9.0))
    catch(lambda: face.stream("run_2", timeout=0.02).next())
    signal = AbortSignal()
    signal.abort(("a", "reason"))
    catch(lambda: face.get(RUN, signal=signal))

    @server.workflow("failing")
    def failing(run):
        raise ValueError("no")

    catch(lambda: face.run("failing"))
    return caught


@on_both_faces(compare=False)
def test_errors(face):
    """Class, text, attributes and notes survive; the cause, which is another library's, stays behind."""
    errors = errors_of(face)
    assert {type(error).__name__ for error in errors} == {name for name in flue.errors.__all__ if name != "FlueError"}
    for error in errors:
        for protocol in PROTOCOLS:
            again = pickle.loads(pickle.dumps(error, protocol))
            assert type(again) is type(error)
            assert (str(again), again.args) == (str(error), error.args)
            assert getattr(again, "__notes__", []) == getattr(error, "__notes__", [])
            assert again.run_id == error.run_id
            assert set(vars(again)) == set(vars(error))
            if isinstance(error, FlueApiError):
                assert (again.status, again.body, again.error) == (error.status, error.body, error.error)
                assert dict(again.headers) == dict(error.headers)
            if isinstance(error, AbortError):
                assert again.reason == ("a", "reason")
        assert str(copy.copy(error)) == str(error)
