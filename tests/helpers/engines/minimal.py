"""The first lesson only: Values can be added and multiplied with each other."""


class Value:
    def __init__(self, data):
        self.data = data
        self.grad = 0.0
        self.prev = []
        self.back = lambda: None

    def __add__(self, other):
        out = Value(self.data + other.data)
        out.prev = [self, other]

        def back():
            self.grad += out.grad
            other.grad += out.grad

        out.back = back
        return out

    def __mul__(self, other):
        out = Value(self.data * other.data)
        out.prev = [self, other]

        def back():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad

        out.back = back
        return out

    def backward(self):
        todo, order = [self], []
        while todo:
            v = todo.pop()
            if v in order:
                order.remove(v)  # seen before: it comes after this user too
            order.append(v)
            todo.extend(v.prev)
        self.grad = 1.0
        for v in order:
            v.back()
