"""The sequences that decode on one replica, ordered by their last step."""

from heapq import heapify, heappop, heappush

from autoscaler.emulator.stream import Job

_ORDER_BITS = 28
"""Room for the order of admission below the step in a heap entry: 268 million admissions a replica,
and with 32 bits of steps above still a small integer, which compares faster than a tuple."""

_ORDER_MASK = (1 << _ORDER_BITS) - 1


NEVER = 1 << 62
"""A step that no replica reaches."""


class Batch:
    """Who decodes, how much context they have together, and who is done next."""

    __slots__ = ("_admitted", "_ends", "_jobs", "context", "next_end", "size", "watched")

    def __init__(self) -> None:
        self.size = 0
        self.next_end = NEVER
        """The step with which the next sequence is done."""
        self.context = 0
        """Tokens of prompt and output so far, of all sequences together."""
        self.watched: list[Job] = []
        """Sequences that have a stream."""
        self._ends: list[int] = []
        self._jobs: dict[int, Job] = {}
        self._admitted = 0

    def join(self, job: Job, step: int) -> None:
        """Take a sequence in after its step `step`, which gave it its latest token."""
        order = self._admitted & _ORDER_MASK
        self._admitted += 1
        job.order = order
        self._jobs[order] = job
        heappush(self._ends, (step + job.output - job.produced) << _ORDER_BITS | order)
        self.next_end = self._ends[0] >> _ORDER_BITS
        self.size += 1
        self.context += job.prompt + job.produced
        if job.stream is not None:
            self.watched.append(job)

    def done(self, step: int) -> list[Job]:
        """Let those go whose last token came with this step or before, and return them."""
        ends, jobs = self._ends, []
        while ends and ends[0] >> _ORDER_BITS <= step:
            job = self._jobs.pop(heappop(ends) & _ORDER_MASK)
            self.size -= 1
            self.context -= job.prompt + job.output
            if job.stream is not None:
                self.watched.remove(job)
            jobs.append(job)
        self.next_end = ends[0] >> _ORDER_BITS if ends else NEVER
        return jobs

    def leave(self, job: Job, step: int) -> None:
        """Take one out after step `step`, before its end."""
        end = next(entry for entry in self._ends if entry & _ORDER_MASK == job.order)
        self._ends.remove(end)
        heapify(self._ends)
        self.next_end = self._ends[0] >> _ORDER_BITS if self._ends else NEVER
        del self._jobs[job.order]
        job.order = -1
        job.produced = job.output - ((end >> _ORDER_BITS) - step)
        self.size -= 1
        self.context -= job.prompt + job.produced
        if job.stream is not None:
            self.watched.remove(job)

    def holds(self, job: Job) -> bool:
        """Whether it decodes here."""
        return self._jobs.get(job.order) is job

    def youngest(self) -> Job:
        """Return the one that joined last; there must be one."""
        return self._jobs[next(reversed(self._jobs))]

    def tell(self, instants: list[float]) -> None:
        """Give each stream the tokens that came at these instants."""
        for job in self.watched:
            if job.stream is not None and not job.stream.aborted:
                job.stream.tokens.extend(instants)

    def jobs(self) -> list[Job]:
        """Return all, in order of joining."""
        return list(self._jobs.values())
