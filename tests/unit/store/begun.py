"""What stands for a worker that takes the jobs which the end of another one has claimed."""

from llamaq.store.worker.claimed_job import ClaimedJob


class Begun:
    """Keeps them."""

    wanted = True

    def __init__(self) -> None:
        self.jobs: list[ClaimedJob] = []

    def begin(self, job: ClaimedJob) -> None:
        """Keep one."""
        self.jobs.append(job)
