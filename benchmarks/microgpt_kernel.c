/* A step of demos/microgpt.py by hand: what its arithmetic costs as plain loops, and nothing else.
 *
 * The forward pass and every derivative are written out for matrices [position][number]; the
 * compiler makes vectors of the loops. train() returns the loss and updates p, m and v by Adam.
 */

#include <math.h>
#include <string.h>

enum { V = 27, E = 16, B = 16, H = 4, D = E / H, F = 4 * E };

typedef struct {
    double wte[V][E], wpe[B][E], head[V][E], wq[E][E], wk[E][E], wv[E][E], wo[E][E];
    double fc1[F][E], fc2[E][F];
} Weights;

/* y[t] = w x[t] */
#define LINEAR(name, ROWS, COLUMNS)                                                             \
    static void name(int n, const double w[ROWS][COLUMNS], const double x[][COLUMNS],           \
                     double y[][ROWS]) {                                                        \
        double turned[COLUMNS][ROWS];                                                           \
        for (int r = 0; r < ROWS; r++)                                                          \
            for (int c = 0; c < COLUMNS; c++) turned[c][r] = w[r][c];                           \
        for (int t = 0; t < n; t++) {                                                           \
            double sum[ROWS] = {0.0};                                                           \
            for (int c = 0; c < COLUMNS; c++)                                                   \
                for (int r = 0; r < ROWS; r++) sum[r] += turned[c][r] * x[t][c];                \
            memcpy(y[t], sum, sizeof sum);                                                      \
        }                                                                                       \
    }                                                                                           \
    /* dx[t] += w' dy[t];  dw += dy[t] x[t]' */                                                 \
    static void name##_back(int n, const double w[ROWS][COLUMNS], const double x[][COLUMNS],    \
                            const double dy[][ROWS], double dw[ROWS][COLUMNS],                  \
                            double dx[][COLUMNS]) {                                             \
        for (int t = 0; t < n; t++)                                                             \
            for (int r = 0; r < ROWS; r++)                                                      \
                for (int c = 0; c < COLUMNS; c++) dx[t][c] += w[r][c] * dy[t][r];               \
        for (int r = 0; r < ROWS; r++) {                                                        \
            double sum[COLUMNS] = {0.0};                                                        \
            for (int t = 0; t < n; t++)                                                         \
                for (int c = 0; c < COLUMNS; c++) sum[c] += dy[t][r] * x[t][c];                 \
            memcpy(dw[r], sum, sizeof sum);                                                     \
        }                                                                                       \
    }

LINEAR(square, E, E)
LINEAR(widen, F, E)
LINEAR(narrow, E, F)
LINEAR(vocabulary, V, E)

static void norm(int n, const double x[][E], double y[][E], double *scale) {
    for (int t = 0; t < n; t++) {
        double total = 0.0;
        for (int c = 0; c < E; c++) total += x[t][c] * x[t][c];
        scale[t] = 1.0 / sqrt(total / E + 1e-5);
        for (int c = 0; c < E; c++) y[t][c] = x[t][c] * scale[t];
    }
}

static void norm_back(int n, const double x[][E], const double *scale, const double dy[][E],
                      double dx[][E]) {
    for (int t = 0; t < n; t++) {
        double along = 0.0, s = scale[t];
        for (int c = 0; c < E; c++) along += dy[t][c] * x[t][c];
        for (int c = 0; c < E; c++) dx[t][c] += s * (dy[t][c] - x[t][c] * along * s * s / E);
    }
}

static double backward(int n, const Weights *w, const int *tokens, Weights *g) {
    static double x0[B][E], x1[B][E], x2[B][E], q[B][E], k[B][E], v[B][E], shares[H][B][B];
    static double said[B][E], x3[B][E], x4[B][E], wide[B][F], x5[B][E], logits[B][V];
    static double s0[B], s1[B], s2[B];
    static double d0[B][E], d1[B][E], d2[B][E], dq[B][E], dk[B][E], dv[B][E], dsaid[B][E];
    static double d3[B][E], d4[B][E], dwide[B][F], dlogits[B][V];
    double loss = 0.0;

    for (int t = 0; t < n; t++)
        for (int c = 0; c < E; c++) x0[t][c] = w->wte[tokens[t]][c] + w->wpe[t][c];
    norm(n, x0, x1, s0);
    norm(n, x1, x2, s1);
    square(n, w->wq, x2, q);
    square(n, w->wk, x2, k);
    square(n, w->wv, x2, v);
    memset(said, 0, sizeof said);
    for (int h = 0; h < H; h++)
        for (int t = 0; t < n; t++) {
            double top = -INFINITY, total = 0.0, *share = shares[h][t];
            for (int u = 0; u <= t; u++) {
                double dot = 0.0;
                for (int c = 0; c < D; c++) dot += q[t][h * D + c] * k[u][h * D + c];
                share[u] = dot / sqrt(D);
                top = fmax(top, share[u]);
            }
            for (int u = 0; u <= t; u++) total += share[u] = exp(share[u] - top);
            for (int u = 0; u <= t; u++) {
                share[u] /= total;
                for (int c = 0; c < D; c++) said[t][h * D + c] += share[u] * v[u][h * D + c];
            }
        }
    square(n, w->wo, said, x3);
    for (int t = 0; t < n; t++)
        for (int c = 0; c < E; c++) x3[t][c] += x1[t][c];
    norm(n, x3, x4, s2);
    widen(n, w->fc1, x4, wide);
    for (int t = 0; t < n; t++)
        for (int c = 0; c < F; c++) wide[t][c] = wide[t][c] > 0.0 ? wide[t][c] : 0.0;
    narrow(n, w->fc2, wide, x5);
    for (int t = 0; t < n; t++)
        for (int c = 0; c < E; c++) x5[t][c] += x3[t][c];
    vocabulary(n, w->head, x5, logits);

    for (int t = 0; t < n; t++) {
        double top = -INFINITY, total = 0.0;
        for (int c = 0; c < V; c++) top = fmax(top, logits[t][c]);
        for (int c = 0; c < V; c++) total += dlogits[t][c] = exp(logits[t][c] - top);
        for (int c = 0; c < V; c++) dlogits[t][c] /= total * n;
        loss += (top + log(total) - logits[t][tokens[t + 1]]) / n;
        dlogits[t][tokens[t + 1]] -= 1.0 / n;
    }

    memset(g->wte, 0, sizeof g->wte);
    memset(g->wpe, 0, sizeof g->wpe);
    memset(d0, 0, sizeof d0), memset(d1, 0, sizeof d1), memset(d2, 0, sizeof d2);
    memset(dk, 0, sizeof dk), memset(dv, 0, sizeof dv), memset(dsaid, 0, sizeof dsaid);
    memset(d3, 0, sizeof d3), memset(d4, 0, sizeof d4), memset(dwide, 0, sizeof dwide);
    memset(dq, 0, sizeof dq);
    vocabulary_back(n, w->head, x5, dlogits, g->head, d3);
    narrow_back(n, w->fc2, wide, d3, g->fc2, dwide);
    for (int t = 0; t < n; t++)
        for (int c = 0; c < F; c++) dwide[t][c] = wide[t][c] > 0.0 ? dwide[t][c] : 0.0;
    widen_back(n, w->fc1, x4, dwide, g->fc1, d4);
    norm_back(n, x3, s2, d4, d3);
    square_back(n, w->wo, said, d3, g->wo, dsaid);
    for (int h = 0; h < H; h++)
        for (int t = 0; t < n; t++) {
            double dshare[B], mean = 0.0, *share = shares[h][t];
            for (int u = 0; u <= t; u++) {
                dshare[u] = 0.0;
                for (int c = h * D; c < h * D + D; c++) {
                    dshare[u] += dsaid[t][c] * v[u][c];
                    dv[u][c] += share[u] * dsaid[t][c];
                }
                mean += share[u] * dshare[u];
            }
            for (int u = 0; u <= t; u++) {
                double dot = share[u] * (dshare[u] - mean) / sqrt(D);
                for (int c = h * D; c < h * D + D; c++) {
                    dq[t][c] += dot * k[u][c];
                    dk[u][c] += dot * q[t][c];
                }
            }
        }
    square_back(n, w->wq, x2, dq, g->wq, d2);
    square_back(n, w->wk, x2, dk, g->wk, d2);
    square_back(n, w->wv, x2, dv, g->wv, d2);
    memcpy(d1, d3, sizeof d1);
    norm_back(n, x1, s1, d2, d1);
    norm_back(n, x0, s0, d1, d0);
    for (int t = 0; t < n; t++)
        for (int c = 0; c < E; c++) g->wte[tokens[t]][c] += d0[t][c], g->wpe[t][c] += d0[t][c];
    return loss;
}

double train(double *p, double *m, double *v, const int *tokens, int n, int step, double lr) {
    static Weights g;
    double loss = backward(n, (Weights *)p, tokens, &g), *slope = (double *)&g;
    double first = 1.0 / (1.0 - pow(0.85, step)), second = 1.0 / (1.0 - pow(0.99, step));
    for (int i = 0; i < (int)(sizeof g / sizeof *p); i++) {
        m[i] = 0.85 * m[i] + 0.15 * slope[i];
        v[i] = 0.99 * v[i] + 0.01 * slope[i] * slope[i];
        p[i] -= lr * m[i] * first / (sqrt(v[i] * second) + 1e-8);
    }
    return loss;
}

/* steps in a row: the losses; tokens of all names one after the other, lengths of each */
void train_all(double *p, double *m, double *v, const int *tokens, const int *lengths, int steps,
               double *losses) {
    for (int i = 0; i < steps; i++) {
        losses[i] = train(p, m, v, tokens, lengths[i], i + 1, 0.01 * (1.0 - (double)i / steps));
        tokens += lengths[i] + 1;
    }
}
