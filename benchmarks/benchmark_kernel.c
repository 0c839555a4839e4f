/* Forward and backward of a perceptron NIN-HIDDEN-HIDDEN-1 with squared error, in C.

   What benchmark_jit.py compares the compiler with: the loops of micrograd_like/jit/lower.py, as
   one writes them by hand for this one network. Samples are columns; a strip of columns stays in
   registers; two neurons at a time share what is loaded. Parameters are one flat array: neuron
   after neuron, its weights, then its bias. The command line gives NIN, HIDDEN, SAMPLES, STRIP
   (columns), LANES (doubles in a register) and, for tanh instead of relu, TANH.

   vec is GCC's portable vector type. The same loops over plain arrays of doubles, left to GCC 12
   to vectorise, kept their accumulators in memory and took 2.7 times as long. */

#include <math.h>

#define INLINE static inline __attribute__((always_inline))
#define EACH(i, n) _Pragma("GCC unroll 8") for (int i = 0; i < (n); i++)

typedef double vec __attribute__((vector_size(8 * LANES)));

enum { VECTORS = STRIP / LANES, COLUMNS = (SAMPLES + STRIP - 1) / STRIP * VECTORS };
enum { FIRST = 0, SECOND = HIDDEN * (NIN + 1), THIRD = SECOND + HIDDEN * (HIDDEN + 1) };

typedef vec row[COLUMNS];

static row h1[HIDDEN], h2[HIDDEN]; /* what the hidden neurons give */
static row d1[HIDDEN], d2[HIDDEN], d3[1]; /* d loss / d the sum in each neuron */

INLINE vec activate(vec z) {
    vec h;
    for (int l = 0; l < LANES; l++)
#ifdef TANH
        h[l] = tanh(z[l]);
#else
        h[l] = z[l] > 0.0 ? z[l] : 0.0;
#endif
    return h;
}

INLINE vec through(vec h, vec d) {
#ifdef TANH
    return d * (1.0 - h * h);
#else
    for (int l = 0; l < LANES; l++) d[l] = h[l] > 0.0 ? d[l] : 0.0;
    return d;
#endif
}

INLINE double total(vec x) {
    double sum = 0.0;
    for (int l = 0; l < LANES; l++) sum += x[l];
    return sum;
}

/* out = activation(w x + b), for the strip from column s on */
INLINE void layer(int nin, const double *w, const row *x, row *out, int s) {
    for (int t = 0; t < HIDDEN; t += 2, w += 2 * (nin + 1)) {
        const double *v = w + nin + 1;
        vec p[VECTORS], q[VECTORS];
        EACH(c, VECTORS) p[c] = w[nin] + (vec){0}, q[c] = v[nin] + (vec){0};
        for (int j = 0; j < nin; j++)
            EACH(c, VECTORS) p[c] += w[j] * x[j][s + c], q[c] += v[j] * x[j][s + c];
        EACH(c, VECTORS) out[t][s + c] = activate(p[c]), out[t + 1][s + c] = activate(q[c]);
    }
}

/* d = activation'(h) * (the transpose of w) after */
INLINE void back(int nout, const double *w, const row *after, const row *h, row *d, int s) {
    for (int t = 0; t < HIDDEN; t += 2) {
        vec p[VECTORS], q[VECTORS];
        EACH(c, VECTORS) p[c] = q[c] = (vec){0};
        for (int u = 0; u < nout; u++) {
            const double *v = w + u * (HIDDEN + 1) + t;
            EACH(c, VECTORS) p[c] += v[0] * after[u][s + c], q[c] += v[1] * after[u][s + c];
        }
        EACH(c, VECTORS) {
            d[t][s + c] = through(h[t][s + c], p[c]);
            d[t + 1][s + c] = through(h[t + 1][s + c], q[c]);
        }
    }
}

/* g = d (the transpose of x), summed over all columns; down * along weights at a time */
INLINE void sums_of(int nin, int nout, int down, int along, const row *d, const row *x, double *g) {
    for (int u = 0; u < nout; u += down)
        for (int t = 0; t < nin; t += along) {
            vec acc[2][4] = {0};
            for (int c = 0; c < COLUMNS; c++)
                EACH(i, down) EACH(j, along) acc[i][j] += d[u + i][c] * x[t + j][c];
            EACH(i, down) EACH(j, along) g[(u + i) * (nin + 1) + t + j] = total(acc[i][j]);
        }
    for (int u = 0; u < nout; u++) {
        vec acc = {0};
        for (int c = 0; c < COLUMNS; c++) acc += d[u][c];
        g[u * (nin + 1) + nin] = total(acc);
    }
}

/* sums[0] = the loss, sums[1...] = its gradients, added up over the samples */
void step(const row *x, const row *y, const double *w, double *sums) {
    vec loss = {0};
    for (int s = 0; s < COLUMNS; s += VECTORS) {
        layer(NIN, w + FIRST, x, h1, s);
        layer(HIDDEN, w + SECOND, (const row *)h1, h2, s);
        for (int c = s; c < s + VECTORS; c++) {
            vec error = w[THIRD + HIDDEN] - y[0][c];
            for (int j = 0; j < HIDDEN; j++) error += w[THIRD + j] * h2[j][c];
            for (int l = 0; l < LANES; l++)
                if (c * LANES + l >= SAMPLES) error[l] = 0.0;
            loss += error * error;
            d3[0][c] = 2.0 * error;
        }
        back(1, w + THIRD, (const row *)d3, (const row *)h2, d2, s);
        back(HIDDEN, w + SECOND, (const row *)d2, (const row *)h1, d1, s);
    }
    sums[0] = total(loss);
    sums_of(NIN, HIDDEN, 2, 2, (const row *)d1, x, sums + 1 + FIRST);
    sums_of(HIDDEN, HIDDEN, 2, 4, (const row *)d2, (const row *)h1, sums + 1 + SECOND);
    sums_of(HIDDEN, 1, 1, 4, (const row *)d3, (const row *)h2, sums + 1 + THIRD);
}
