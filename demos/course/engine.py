"""Your own autograd engine: numbers that remember how they were computed.

Every body below is yours to write, step by step as README.md says. After each step:

    python -m micrograd_like check engine.py --level rules

What still raises NotImplementedError is reported as "not written yet" or "not there", not as wrong.
"""


class Value:
    """A number, the numbers that it was computed from, and its gradient.

    Attributes:
        data: the number, a float.
        grad: by how much the end result grows for each bit that this number grows; 0.0 at first.
    """

    # --- step 1: a number ---

    def __init__(self, data, inputs=(), slopes=()):
        """Keeps the number, a gradient of 0.0, and what the steps from 3 on need.

        Args:
            data: a plain number.
            inputs: the Values that this one was computed from; none for a leaf, such as Value(2.0).
            slopes: for each input, by how much this number grows for each bit that the input grows.
        """
        raise NotImplementedError

    def __repr__(self):
        """Shows both: ``Value(data=2.0, grad=0.0)``."""
        raise NotImplementedError

    # --- step 2: the backward pass, from the output ---

    def backward(self):
        """Puts into .grad of each node by how much self grows for each bit that the node grows.

        Step 2: self itself. Step 3: hand it on to the inputs. Step 8: also the second time.
        """
        raise NotImplementedError

    # --- step 3: sums ---

    def __add__(self, other):
        """self + other, where other is a Value or a plain number."""
        raise NotImplementedError

    def __radd__(self, other):
        """other + self: Python calls this for ``2 + x``, since a plain 2 cannot add a Value."""
        raise NotImplementedError

    # --- step 4: products ---

    def __mul__(self, other):
        """self * other."""
        raise NotImplementedError

    def __rmul__(self, other):
        """other * self, for a plain number on the left."""
        raise NotImplementedError

    # --- step 5: the order of the walk (given: a short way, which is not enough) ---

    def _order(self):
        """All nodes that self was computed from, and self, inputs before users.

        This much is given. It serves as long as no result is used twice; for all else, write yours.
        """
        order = [node for x in self._inputs for node in x._order()] + [self]
        results = [node for node in order if node._inputs]
        if len(set(results)) < len(results):
            raise NotImplementedError("step 5: a result that is used twice")
        return order

    # --- step 6: the other operators ---

    def __neg__(self):
        """-self."""
        raise NotImplementedError

    def __sub__(self, other):
        """self - other."""
        raise NotImplementedError

    def __rsub__(self, other):
        """other - self: the plain number stands on the left."""
        raise NotImplementedError

    def __truediv__(self, other):
        """self / other."""
        raise NotImplementedError

    def __rtruediv__(self, other):
        """other / self."""
        raise NotImplementedError

    def __pow__(self, other):
        """self ** other, where other is a plain number, or a Value for an extra point."""
        raise NotImplementedError

    def __rpow__(self, other):
        """other ** self, with a plain number as the base: an extra point."""
        raise NotImplementedError

    # --- step 7: functions ---

    def exp(self):
        """e to the power of self."""
        raise NotImplementedError

    def tanh(self):
        """The hyperbolic tangent, between -1 and 1."""
        raise NotImplementedError

    def relu(self):
        """self where it is positive, else 0."""
        raise NotImplementedError
