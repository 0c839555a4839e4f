// tape.js: runs a tape (see tape/tape.py) that export.py has written down.
//
//   const tape = new Tape(json, 64);             // memory for 64 samples at once
//   tape.share([w, b]);                          // the numbers that all samples share
//   tape.run([xs, ys], null, 0, 64);             // columns of numbers, their order, which of them
//   tape.read(tape.outputs[0], i);               // of sample i
//   tape.addUp(sums);                            // adds what all of them add to the sums
//
// A slot that is the same for all samples has one cell of memory, another one a cell for each.
// No derivative is known here: a tape has them as instructions, from the op table in Python.

// --- the op table: name -> a function of numbers; the laws are those of ops.py ---

// The order of additions decides the last bit: it is Python's everywhere.
function operations(math) {
	const {exp, log, log1p, expm1, erfc} = math;
	const sigmoid = x => {
		const e = exp(-Math.abs(x));
		return x < 0 ? e / (1 + e) : 1 / (1 + e);
	};
	const softplus = x => {
		const tail = log1p(exp(-Math.abs(x)));
		return x > 0 ? x + tail : tail;
	};
	const maximum = (x, y) => x >= y || x !== x ? x : y;
	const logsumexp = (...xs) => {
		const m = xs.reduce(maximum, -Infinity);
		return m - m === 0 ? m + log(xs.reduce((sum, x) => sum + exp(x - m), 0)) : m;
	};
	const one = {
		neg: x => -x, abs: Math.abs, sqrt: Math.sqrt, detach: x => x,
		sigmoid, softplus, silu: x => x * sigmoid(x),
		gelu: x => x === -Infinity ? 0 : 0.5 * x * erfc(-Math.sqrt(0.5) * x),
		relu: x => x <= 0 ? 0 : x,
	};
	for (const name of ["exp", "expm1", "log", "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh",
		"atan", "erfc"]) one[name] = math[name];
	const two = {
		add: (x, y) => x + y, sub: (x, y) => x - y, mul: (x, y) => x * y, div: (x, y) => x / y,
		pow: math.pow, powc: math.pow, elu: (x, k) => x <= 0 ? k * expm1(x) : x,
		leaky_relu: (x, k) => x > 0 ? x : x * k,
		gt: (x, y) => +(x > y), ge: (x, y) => +(x >= y), eq: (x, y) => +(x === y),
		maximum, minimum: (x, y) => x <= y || x !== x ? x : y,
	};
	const many = {
		where: (cond, x, y) => cond !== 0 ? x : y,          // nan is true, as in Python
		sum: (...xs) => xs.reduce((a, b) => a + b),
		dot: (start, ...wx) => {
			for (let i = 0; i < wx.length; i += 2) start += wx[i] * wx[i + 1];
			return start;
		},
		max: (...xs) => xs.reduce(maximum, -Infinity),
		logsumexp,
		take: (i, ...table) => table[i] ?? NaN,
	};
	return {one, two, many};
}

// IEEE says pow(1, y) = pow(-1, inf) = 1, JavaScript says nan.
const power = pow => (x, y) => x === 1 || x === -1 && Math.abs(y) === Infinity ? 1 : pow(x, y);

// erfc by the trapezoidal rule with step 1/2, whose error is e^-39, and its first pole; near 0 by
// the series of erf. Source: Chiarella and Reichel (1968), Mathematics of Computation 22, 137-143.
const TRAPEZOIDS = Array.from({length: 13}, (_, n) => [n * n / 4, Math.exp(-n * n / 4)]);

function erfc(x) {
	if (x < -0.5) return 2 - erfc(-x);
	if (x < 0.5) {
		let term = x, sum = x;
		for (let n = 1; n < 16; n++) sum += (term *= -x * x / n) / (2 * n + 1);
		return 1 - 2 / Math.sqrt(Math.PI) * sum;
	}
	if (!(x < 27)) return x !== x ? x : 0;
	const high = Math.round(x * 2 ** 20) / 2 ** 20;      // its square is exact
	const density = Math.exp(-high * high) * Math.exp((high - x) * (high + x));
	let sum = 0.5 / (x * x);
	for (let n = 12; n > 0; n--) sum += TRAPEZOIDS[n][1] / (TRAPEZOIDS[n][0] + x * x);
	const pole = x < 6 ? 2 / Math.expm1(4 * Math.PI * x) : 0;
	return density * x / Math.PI * sum - pole;
}

// As the browser computes them: quick, and at most some units in the last place from Python's.
const BROWSERS = {...Object.fromEntries(["exp", "expm1", "log", "log1p", "sin", "cos", "tan", "sinh",
	"cosh", "tanh", "atan"].map(name => [name, Math[name]])), pow: power(Math.pow), erfc};

// --- running ---

const slotsOf = table => {
	const slots = table.slice(0, 1);
	for (let i = 1; i < table.length; i += 2)
		for (let k = 0; k < table[i + 1]; k++) slots.push(slots[slots.length - 1] + table[i]);
	return slots;
};

class Tape {
	constructor(json, block = 64, math = BROWSERS) {
		this.block = block;
		this.table = operations(math);
		this.inputs = json.inputs;
		this.cells = [];                                  // by slot: where it is in memory
		this.varies = [];                                 // by slot: 1 or 0
		this.size = 0;
		const leaves = json.inputs + json.scalars + json.constants.length;
		for (let slot = 0; slot < leaves; slot++) this.place(+(slot < json.inputs));
		this.code = json.code.map(row => this.instruction(row));
		this.memory = new Float64Array(this.size);
		this.memory.set(json.constants.map(Number), this.size && this.cells[leaves - json.constants.length]);
		this.outputs = slotsOf(json.outputs);
		this.sums = slotsOf(json.sums);
		this.puts = json.puts.map(([index, value, where]) => [index, value, slotsOf(where)]);
	}

	place(varies) {
		this.cells.push(this.size);
		this.varies.push(varies);
		this.size += varies ? this.block : 1;
	}

	// Slots become cells: {op, count, out, step, tables of cells, their steps from sample to sample}
	instruction([op, count, ...tables]) {
		const slots = tables.map(table => table.length ? slotsOf(table) : Array(count).fill(table)), steps = slots.map(table => this.varies[table[0]]);
		const step = Math.max(0, ...steps), out = this.size;
		for (let k = 0; k < count; k++) this.place(step);
		const args = slots.map(table => Int32Array.from(table, slot => this.cells[slot]));
		return {op, count, out, step, args, steps};
	}

	share(numbers) {
		if (this.cells.length > this.inputs) this.memory.set(numbers, this.cells[this.inputs] ?? 0);
	}

	run(columns, order, start, n) {
		const {memory, cells} = this;
		this.n = n;
		for (let k = 0; k < this.inputs; k++)
			for (let i = 0; i < n; i++)
				memory[cells[k] + i] = columns[k][order ? order[start + i] : start + i];
		for (const code of this.code) {
			const many = code.step ? n : 1, each = this.block ** code.step;
			for (let row = 0; row < code.count; row++) this.row(code, row, code.out + row * each, many);
		}
	}

	row({op, args, steps}, row, out, n) {
		const m = this.memory, {one, two, many} = this.table;
		if (op === "dot") this.dot(args, steps, row, out, n);
		else if (op in one) {
			const f = one[op], a = args[0][row], s = steps[0];
			for (let i = 0; i < n; i++) m[out + i] = f(m[a + i * s]);
		} else if (op in two) {
			const a = args[0][row], b = args[1][row], [s, t] = steps;
			if (op === "mul") for (let i = 0; i < n; i++) m[out + i] = m[a + i * s] * m[b + i * t];
			else if (op === "add") for (let i = 0; i < n; i++) m[out + i] = m[a + i * s] + m[b + i * t];
			else if (op === "sub") for (let i = 0; i < n; i++) m[out + i] = m[a + i * s] - m[b + i * t];
			else for (let i = 0, f = two[op]; i < n; i++) m[out + i] = f(m[a + i * s], m[b + i * t]);
		} else {
			const f = many[op];
			for (let i = 0; i < n; i++) m[out + i] = f(...args.map((table, k) => m[table[row] + i * steps[k]]));
		}
	}

	dot(args, steps, row, out, n) {
		const m = this.memory, start = args[0][row];
		for (let i = 0; i < n; i++) m[out + i] = m[start + i * steps[0]];
		for (let k = 1; k < args.length; k += 2) {
			const a = args[k][row], b = args[k + 1][row], s = steps[k], t = steps[k + 1];
			for (let i = 0; i < n; i++) m[out + i] += m[a + i * s] * m[b + i * t];
		}
	}

	read(slot, i = 0) {
		return this.memory[this.cells[slot] + i * this.varies[slot]];
	}

	// All outputs of n samples: an array of numbers for each.
	all(shared, columns, n) {
		const found = this.outputs.map(() => new Float64Array(n));
		this.share(shared);
		for (let at = 0; at < n; at += this.block) {
			this.run(columns, null, at, Math.min(this.block, n - at));
			this.outputs.forEach((slot, k) => {
				for (let i = 0; i < this.n; i++) found[k][at + i] = this.read(slot, i);
			});
		}
		return found;
	}

	// What the samples of this run add to the sums, one sample after the other.
	addUp(sums) {
		const m = this.memory;
		this.sums.forEach((slot, k) => {
			const at = this.cells[slot], step = this.varies[slot];
			for (let i = 0; i < this.n; i++) sums[k] += m[at + i * step];
		});
		for (const [index, value, where] of this.puts)
			for (let i = 0; i < this.n; i++) sums[where[this.read(index, i)]] += this.read(value, i);
	}
}
