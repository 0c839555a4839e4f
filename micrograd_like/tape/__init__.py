"""A program as a flat list of instructions, in plain Python: jit makes machine code of it.

tape.py prints, checks and runs one; recording.py calls a function and sees what it computes,
gradients.py differentiates that, trace.py makes tapes of it; reroll.py finds loops.

>>> neuron = lambda w, x: (w[2] + w[0] * x[0] + w[1] * x[1]).tanh()
>>> samples, shared = [[3.0, 4.0], [5.0, 0.0]], [2.0, -1.0, 0.5]
>>> tape = trace(lambda x, w: ([neuron(w, x)], []), samples, shared).tape
>>> print(reroll(tape))
s0..s1 = inputs 0..1
s2..s4 = scalars 0..2
s5 = dot s4 s2 s0 s3 s1
s6 = tanh s5
return s6
>>> tape.run([1.0, 2.5], shared)
([0.0], [])
"""

from .recording import *
from .reroll import *
from .tape import *
from .trace import *
