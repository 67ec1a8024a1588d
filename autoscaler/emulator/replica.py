"""One replica with continuous batching, moved from event to event.

**What it does.** Continuous batching: `plan` says what a step does, `steptime` how long it takes.
The step that computes the last chunk of a prompt gives its first token; if decoding outgrows the
KV capacity, the youngest sequence is preempted and later computed anew. Simplified: there are no
blocks to round up to or to share; what the prefix cache holds is a number that comes with the
request.

**How it is fast.** Between events (arrival, end of prefill, last token of a sequence, preemption,
change of drift) all steps are alike but for the context, so their times have a closed form
(`steptime`), and the step that an arrival falls into is the root of a quadratic. The state is that
of the last boundary before something changed, and nothing in it depends on how far anybody looked:
a watched stream reads its tokens off D(1), D(2), ..., and its replica's course is the same to the
last bit as if nobody had watched.
"""

import math
from collections import deque
from itertools import chain

from autoscaler.emulator.batch import Batch
from autoscaler.emulator.plan import Plan, Sight, share_out
from autoscaler.emulator.steptime import StepTime
from autoscaler.emulator.stream import Job
from autoscaler.emulator.tallies import Completion

APART_STEPS = 7919
"""Each replica begins elsewhere in the table of jitter; a prime, so that all places differ."""


class Replica:
    """Queue, batch and clock of one replica. Whoever owns it calls `run` and never goes back."""

    __slots__ = (
        "_completions", "_inbox", "_looked", "_orders", "_partial", "_plan", "_quiet_until",
        "_waiting", "aborted", "batch", "generated", "id", "jobs", "preemptions", "prefilled",
        "step", "t", "timing",
    )  # fmt: skip

    def __init__(self, replica_id: int, timing: StepTime, completions: list[Completion]) -> None:
        self.id = replica_id
        self.timing = timing
        self.t = -math.inf
        """The boundary between steps up to which all is settled."""
        self.step = APART_STEPS * replica_id
        """Steps done, and where in the table of jitter it began."""
        self.batch = Batch()
        self.jobs = 0
        """Jobs that it has: what a balancer that looks at load would see."""
        self.prefilled = 0
        """Prompt tokens of all prompts that are done."""
        self.generated = 0
        """Tokens of output, up to `t`."""
        self.preemptions = 0
        self.aborted = 0
        self._completions = completions
        self._inbox: deque[Job] = deque()
        """Jobs in order of arrival, none of them before `t`."""
        self._orders: deque[tuple[float, Job | StepTime]] = deque()
        """Jobs to be given up and changes of physics, each at the first boundary not before."""
        self._waiting: deque[Job] = deque()
        self._partial: Job | None = None
        """The job whose prompt is computed in part."""
        self._quiet_until = -math.inf
        """Nothing happens before this, unless something new comes."""
        self._plan: Plan | None = None
        """The step under way, if it computes prompts and was looked at before its end."""
        self._looked = 0
        """Boundaries after `t` whose tokens the streams already have."""

    def accept(self, job: Job) -> None:
        """Take a job that arrives no earlier than all before it, and than `run` has come."""
        self.jobs += 1
        self._inbox.append(job)
        self._quiet_until = -math.inf
        if job.arrival_at <= self.t:
            self._plan = None

    def order(self, at: float, order: "Job | StepTime") -> None:
        """Have a job given up, or the physics changed, when the step under way at `at` ends."""
        self._orders.append((at, order))
        self._quiet_until = -math.inf
        if at <= self.t:
            self._plan = None

    # -- the course of events -------------------------------------------------------------

    def run(self, until: float) -> None:
        """Settle every step that ends by `until`; all jobs that arrive by then are known."""
        if until < self._quiet_until:
            return
        while self._settle_one(until):
            pass

    def _settle_one(self, until: float) -> bool:
        """Settle what comes next, if it comes by `until`; False if it does not."""
        inbox = self._inbox
        while inbox and inbox[0].arrival_at <= self.t:
            self._waiting.append(inbox.popleft())
        if self._orders and self._orders[0][0] <= self.t:
            self._obey(self._orders.popleft()[1])
            return True
        if self._partial is not None or (self._waiting and self._admits_next()):
            return self._prefill(until)
        if self.batch.size:
            return self._decode(until)
        return self._wake(until)

    def _wake(self, until: float) -> bool:
        """Go from idleness to the next arrival or order."""
        if self._inbox and self._inbox[0].arrival_at <= until:
            self.t = self._inbox[0].arrival_at
        elif self._orders and self._orders[0][0] <= until:
            self._obey(self._orders.popleft()[1])
        else:
            return False
        return True

    def _admits_next(self) -> bool:
        """Whether the first in the queue finds room."""
        if self.batch.size >= self.timing.max_seqs:
            return False
        job = self._waiting[0]
        return self.batch.context + job.prompt + job.produced <= self.timing.kv_admit_tokens

    def _planned(self) -> Plan:
        """Return the step that begins at `t` and has prompts in it. Changes nothing."""
        timing, partial = self.timing, self._partial
        queue = self._waiting if partial is None else chain((partial,), self._waiting)
        jobs, chunks, load = share_out(queue, partial, batch=self.batch, timing=timing)
        return Plan(self.t + timing.mixed(load, self.t, done=self.step), jobs, chunks)

    def _prefill(self, until: float) -> bool:
        """Settle the step that begins at `t` and computes prompts, if it ends by `until`."""
        plan = self._plan or self._planned()
        if plan.end > until:
            self._quiet_until, self._plan = plan.end, plan
            return False
        self._plan = None
        start, batch = self.t, self.batch
        if batch.watched:
            self._tell([plan.end])
        self._move(plan.end, 1)
        for job, chunk in zip(plan.jobs, plan.chunks, strict=True):
            if job is self._partial:
                self._partial = None
            else:
                self._waiting.popleft()
            if job.prefill_started_at < 0.0:
                job.prefill_started_at = start
            size = job.prompt + job.produced
            job.done = chunk + (job.done or min(job.cached, size - 1))
            if job.done < size:
                self._partial = job
            else:
                self._first_token(job)
        while batch.context > self.timing.kv_tokens:
            self._preempt()
        return True

    def _decode(self, until: float) -> bool:
        """Settle the steps up to the next event, if that comes by `until`."""
        timing, batch, t, done = self.timing, self.batch, self.t, self.step
        pace, growth = timing.pace(batch.size, batch.context, t)
        steps = batch.next_end - done
        end = t + timing.after(steps, pace, growth, done=done)
        horizon = self._horizon()
        if end > horizon:
            steps, seconds = timing.steps_until(horizon - t, pace, growth, done=done)
            end = t + seconds
        if batch.context + batch.size * steps > timing.kv_tokens:
            steps = (timing.kv_tokens - batch.context) // batch.size
            if steps < 1:
                self._preempt()
                return True
            end = t + timing.after(steps, pace, growth, done=done)
        if end > until:
            self._quiet_until = end
            return False
        if batch.watched:
            boundaries = range(1, steps + 1)
            self._tell([t + timing.after(k, pace, growth, done=done) for k in boundaries])
        self._move(end, steps)
        return True

    def _horizon(self) -> float:
        """Return when a run of equal steps must pause: for a job, an order, a change of drift.
        Behind a queue that waits for room, no arrival changes anything.
        """
        horizon = math.inf
        if self._inbox and not self._waiting:
            horizon = self._inbox[0].arrival_at
        if self._orders:
            horizon = min(horizon, self._orders[0][0])
        if self.timing.drifts:
            horizon = min(horizon, self.timing.next_drift_at(self.t))
        return horizon

    def _move(self, end: float, steps: int) -> None:
        """Go to a boundary; those whose last token comes with it are done."""
        batch = self.batch
        tokens = batch.size * steps
        self.t = end
        self.step += steps
        self.generated += tokens
        batch.context += tokens
        if batch.next_end <= self.step:
            for job in batch.done(self.step):
                self._complete(job)

    # -- jobs come and go -----------------------------------------------------------------

    def _first_token(self, job: Job) -> None:
        """A prompt is done: its first token comes, or the next of a job that was preempted."""
        if job.first_token_at < 0.0:
            job.first_token_at = self.t
            self.prefilled += job.prompt
        job.produced += 1
        self.generated += 1
        if job.stream is not None and not job.stream.aborted:
            job.stream.tokens.append(self.t)
            job.stream.prefill_started_at = job.prefill_started_at
        if job.produced == job.output:
            self._complete(job)
        else:
            self.batch.join(job, self.step)

    def _complete(self, job: Job) -> None:
        if job.stream is not None and not job.stream.aborted:
            job.stream.finished = True
        self.jobs -= 1
        self._completions.append(job.completed(self.t))

    def _preempt(self) -> None:
        """Send the youngest sequence back to the head of the queue, its cache lost."""
        job = self.batch.youngest()
        self.batch.leave(job, self.step)
        job.done = job.cached = 0
        self._waiting.appendleft(job)
        self.preemptions += 1

    def _obey(self, order: Job | StepTime) -> None:
        """Change the physics, or give a job up; one that has finished stays finished."""
        if isinstance(order, StepTime):
            self.timing = order
            while self.batch.size >= order.max_seqs:
                self._preempt()
            return
        if self.batch.holds(order):
            self.batch.leave(order, self.step)
        elif order is self._partial:
            self._partial = None
        elif order in self._waiting:
            self._waiting.remove(order)
        else:
            return
        self.aborted += 1
        self.jobs -= 1

    def kill(self) -> None:
        """Lose all jobs at once."""
        jobs = [*self.batch.jobs(), *self._waiting, *self._inbox]
        if self._partial is not None:
            jobs.append(self._partial)
        for job in jobs:
            if job.stream is not None:
                job.stream.aborted = True
        self.aborted += len(jobs)
        self.jobs = 0
        self.batch, self._partial, self._plan = Batch(), None, None
        self._waiting.clear()
        self._inbox.clear()

    # -- the view from outside ------------------------------------------------------------

    def look(self, at: float) -> Sight:
        """Return what goes on at `at`, after `run(at)`, and give the streams their tokens."""
        if self._partial is not None or (self._waiting and self._admits_next()):
            plan = self._plan or self._planned()
            return Sight(plan.end, 0, plan.jobs)
        timing, batch, t, done = self.timing, self.batch, self.t, self.step
        if not batch.size:
            return Sight(None, 0, [])
        pace, growth = timing.pace(batch.size, batch.context, t)
        passed, seconds = timing.steps_until(at - t, pace, growth, done=done)
        if t + seconds > at:
            passed -= 1
        if batch.watched:
            fresh = range(self._looked + 1, passed + 1)
            batch.tell([t + timing.after(k, pace, growth, done=done) for k in fresh])
            self._looked = passed
        return Sight(t + timing.after(passed + 1, pace, growth, done=done), passed, [])

    def _tell(self, boundaries: list[float]) -> None:
        """Give the streams the tokens of these boundaries after `t`, but those they have."""
        self.batch.tell(boundaries[self._looked :])
        self._looked = 0
