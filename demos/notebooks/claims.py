"""What the texts of the notebooks say of their numbers: run.py asserts it after the last cell.

An expression for each claim, in the names that the notebook has at its end. So a text cannot go on
saying what the numbers no longer say, and no reader has to read past a test.
"""

CLAIMS = {
    "00_introduction": [
        "x.grad == 14.0 and [v.grad for v in (a, c, f)] == [6.0, -2.0, 4.0]",
        "smaller < L.data and w2.grad == 0.0",
        "len(model.parameters()) == 41 and losses[-1] < 0.01",
    ],
    "01_from_scratch": ["max(differences) < 1e-12", "gap < 1e-9"],
    "02_pytorch": [
        "max(gaps.values()) < 1e-9",
        "same_batches",
        "list(gaps) == ['scores', 'gradients', *optimisers, 'test scores', 'compiled']",
    ],
    "03_experiments": [
        "min(activations['linear']) > 0.69",  # log(2) = 0.693
        "max(activations['relu'][10], activations['gelu'][10]) < activations['tanh'][10]",
        "activations['sigmoid'][-1] > 4.0 * activations['tanh'][-1]",
        "min(starts['zero'] + starts['small']) > 0.69",
        "starts['uniform'][-1] < starts['xavier'][-1] < 0.5",
        "rates['lr 0.01'][0] - rates['lr 0.01'][-1] < 0.1",
        "rates['lr 1.0'][-1] < 0.5 < rates['lr 0.1'][-1] < rates['lr 0.01'][-1]",
        "min(max(rates['lr 10.0']) / 3.0, max(rates['lr 10.0'][-5:])) > 0.7",
        "min(optimisers, key=lambda name: optimisers[name][10]) == 'RMSprop'",
        "min(optimisers, key=lambda name: optimisers[name][-1]) == 'momentum'",
        "optimisers['SGD'][-1] > 5.0 * max(optimisers['Adam'][-1], optimisers['RMSprop'][-1])",
        "all(spread['constant'] > 4.0 * spread[name] for name in schedules)",
        "scheduled['ExponentialLR'][-1] > max(scheduled['StepLR'][-1], scheduled['Cosine'][-1])",
        "round(sizes[1]['accuracy'][-1], 2) == 0.67 and sizes[3]['val_accuracy'][-1] > 0.9",
        "sizes[30]['accuracy'][-1] == 1.0 and sizes[30]['val_accuracy'][-1] > 0.95",
        "trained[0.0] < trained[0.001] < trained[0.01]",
        "norms['L2 0.0'][-1] > norms['L2 0.001'][-1] > norms['L2 0.01'][-1]",
        "min(held_out, key=held_out.get) == 0.001",
        "last['no dropout']['loss'] < last['dropout 0.2']['loss']",
        "last['no dropout']['val_loss'] > last['dropout 0.2']['val_loss']",
        "lowest > loss().data - 1e-9",
    ],
    "04_how_jit_works": [
        "before.run(sample, shared) == after.run(sample, shared)",
        "np.allclose(outputs, in_python, rtol=1e-13, atol=1e-15)",
        "all(abs(p.data - q.data) < 1e-9 for p, q in"
        " zip(compiled_model.parameters(), model.parameters()))",
    ],
}
