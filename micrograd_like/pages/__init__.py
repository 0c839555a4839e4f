"""What the pages share: tapes that run in a browser (export.py writes them, tape.js runs them).

>>> from micrograd_like.tape import Tape
>>> tape = Tape(inputs=1, constants=[2.0])
>>> tape.outputs = [tape.add("mul", (0, 1))]
>>> tape_as_json(tape)["code"]
[['mul', 1, 0, 1]]
"""

from .export import *
