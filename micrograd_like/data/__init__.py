"""Data as plain lists: reading a CSV, scaling, splitting, batches, toy sets.

>>> X, y = make_xor(8, noise=0.1, seed=0)
>>> X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25)
>>> scaler = Scaler().fit(X_train)
>>> len(scaler.transform(X_test)), y
(2, [0, 1, 1, 0, 0, 1, 1, 0])

X is a list of rows, one row of floats for each sample; y is the list of what to predict. Nothing
here knows of Values or networks.
"""

from .rows import *
from .tables import *
from .toys import *
