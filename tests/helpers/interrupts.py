"""An interrupt at every place where a signal could be handled."""

import gc
import sys

EVENTS = frozenset({"call", "opcode", "return"})


class Interrupter:
    """A trace function that raises at the n-th event; an event is a call, an instruction, a return.

    It sees what a signal can hit: every frame below the one that starts it.
    """

    def __init__(self, n: int, kinds: set[str]) -> None:
        self.left, self.kinds = n, kinds
        sys._getframe().f_trace_opcodes = True  # Python 3.12 looks for one frame that wants them

    def __call__(self, frame, event, arg):
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event in self.kinds:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
        return self


def interrupted_everywhere(work, kinds=EVENTS):
    """Runs work again and again, interrupted one event later each time; yields after each.

    The exception is kept meanwhile, as an interpreter's prompt keeps the last one, and with it all
    that its frames hold.
    """
    gc.collect()  # finalisers of other garbage shall not be interrupted
    n = 0
    while True:
        n += 1
        before, done, kept = sys.gettrace(), False, None
        try:
            sys.settrace(Interrupter(n, kinds))
            work()
            done = True
        except KeyboardInterrupt as error:
            kept = error
        finally:
            sys.settrace(before)
        if done:
            return
        yield n
        del kept


def outcomes(make, kinds=EVENTS, step=1):
    """The states that interrupts at every event, or every so many, leave; made anew for each.

    Args:
        make: gives a function to interrupt, and one that tells the state.

    Returns:
        The state before, the state after, and those after an interrupt.
    """
    work, state = make()
    before, after, found, n = state(), None, [], 1 - step
    while after is None:
        n += step
        work, state = make()
        tracing = sys.gettrace()
        try:
            sys.settrace(Interrupter(n, kinds))
            work()
            sys.settrace(tracing)
            after = state()
        except KeyboardInterrupt as error:
            sys.settrace(tracing)
            kept = error  # and what its frames hold, as an interpreter's prompt does
            found.append(state())
            del kept
    return before, after, found
