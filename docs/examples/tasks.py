"""Jobs of RQ that follow runs, with checkpoints in Redis: a job that is killed is continued where it was.

python tasks.py REDIS_URL RUN_ID ...    queue a job for each run
rq worker --url REDIS_URL --path .      in another terminal; as many as you like

Each job keeps the log lines of its run in a hash of Redis. A job that is repeated resumes at its checkpoint. The events
of the batch in flight come twice then; writing them twice is harmless, because each has its `event_index` as its key.
"""

from __future__ import annotations

import sys

from redis import Redis
from rq import Queue, Retry, get_current_job

from flue import FlueClient, LogEvent
from flue.checkpoints import RedisCheckpoints


def follow(run_id: str) -> str:
    """The job: follow a run to its end.

    Args:
        run_id: The run.

    Returns:
        How it ended.
    """
    job = get_current_job()
    if job is None:
        raise RuntimeError("not called by a worker")
    redis: Redis = job.connection
    lines = f"lines:{run_id}"
    with (
        RedisCheckpoints(redis) as store,
        FlueClient() as client,
        client.runs.stream(run_id, live="sse", checkpoint=store, consumer="tasks") as stream,
    ):
        for event in stream:
            if isinstance(event, LogEvent):
                redis.hset(lines, str(event.event_index), event.message)
            elif event.type == "run_end":
                redis.hset(lines, "outcome", "failed" if event.is_error else "completed")
    outcome = redis.hget(lines, "outcome")
    return outcome.decode() if isinstance(outcome, bytes) else "unknown"


def main(url: str, run_ids: list[str]) -> None:
    """Queue a job for each run. Its id is the run's, so that queueing it twice is one job."""
    with Redis.from_url(url) as redis:
        queue = Queue(connection=redis)
        for run_id in run_ids:
            job = queue.enqueue("tasks.follow", run_id, job_id=run_id, job_timeout=3600, retry=Retry(max=3))
            print(f"queued: {job.id}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
