// training.js: the network, its data and its training, as tapes; nothing is drawn here.
//
// The page's data, from record.py:
//   X, y       of all samples the inputs, packed as the bytes of their numbers, and the targets
//   inputs, targets, outputs    how many numbers of a sample
//   step       tape of a sample: outputs; its sums are the loss and its gradients
//   neurons    tape of all neurons in columns, or null;  columns: see record.py
//   rules      tapes of the optimiser, for its next step and for those after it; keys, kept: what
//              it keeps for each parameter before and after a step, and those numbers
//   check      [how many samples, the losses of Python's first steps on them]
const {min, max, abs, floor} = Math, make = tag => document.createElement(tag);
const data = JSON.parse(document.getElementById("data").textContent);
const {trained} = data, isNumber = data.kind === "number";
const list = (length, f) => Array.from({length}, (_, k) => f(k));

// Numbers as bytes in base64, and back; little end first, as in every computer with a browser.
const bytesOf = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
const unpacked = text => [...new Float64Array(bytesOf(text).buffer)];
const packed = numbers => btoa(Array.from(new Uint8Array(Float64Array.from(numbers).buffer), c => String.fromCharCode(c)).join(""));

const rowsOf = (numbers, size) => list(numbers.length / size, i => numbers.slice(i * size, (i + 1) * size));
const targets = rowsOf(data.y.map(Number), data.targets);
data.samples = rowsOf(unpacked(data.X), data.inputs).map((row, i) => [...row, ...targets[i]]);
data.parameters = unpacked(data.parameters);
data.kept = data.kept.map(unpacked);
data.columns.forEach(column => column.neurons = rowsOf(slotsOf(column.neurons), column.each));
const width = data.inputs + data.targets;
const stepTape = new Tape(data.step);
const neuronTape = data.neurons && new Tape(data.neurons, 128);
const ruleTapes = data.rules.map(json => new Tape(json));
const MOST = 5500, KEPT = 200;                           // samples; steps that can be taken back

// --- samples: a column of numbers for each input and target ---

const samples = {columns: [], count: 0, edited: false};

function setSamples(rows) {
	samples.count = rows.length;
	samples.columns = list(width, k => {
		const column = new Float64Array(MOST);
		rows.forEach((row, i) => column[i] = row[k]);
		return column;
	});
}
setSamples(data.samples);

const rowOf = i => samples.columns.map(column => column[i]);
const inputOf = i => rowOf(i).slice(0, data.inputs);
const targetOf = i => samples.columns[data.inputs][i];

function addSample(row) {
	if (samples.count === MOST) return -1;
	row.forEach((x, k) => samples.columns[k][samples.count] = x);
	samples.edited = true;
	return samples.count++;
}

function removeSample(i) {
	for (const column of samples.columns) column.copyWithin(i, i + 1, samples.count);
	samples.count--;
	samples.edited = true;
}

// --- a training: its numbers, and how they become those of the next step ---

const start = () => ({
	params: Float64Array.from(data.parameters),
	kept: data.kept.map(column => Float64Array.from(column)),
	steps: 0, first: true,
});
const copyOf = now => ({
	...now, params: now.params.slice(), kept: now.kept.map(column => column.slice()),
});

// The mean loss of some samples, and its gradients.
function gradients(params, columns, order, from, n) {
	const sums = new Float64Array(trained + 1);
	stepTape.share(params);
	for (let at = 0; at < n; at += stepTape.block) {
		stepTape.run(columns, order, from + at, min(stepTape.block, n - at));
		stepTape.addUp(sums);
	}
	return {loss: sums[0] / n, grads: sums.subarray(1).map(g => g / n)};
}

// The numbers after a step along these gradients.
function moved(now, grads, rate) {
	const rule = now.first ? ruleTapes[0] : ruleTapes[ruleTapes.length - 1];
	const after = rule.all([rate], [now.params, grads, ...now.kept], trained);
	const params = now.params.slice();
	params.set(after[0]);
	return {params, kept: after.slice(1), steps: now.steps + 1, first: false};
}

// --- the training that is on the page ---

const settings = {rate: data.lr, batch: data.samples.length, speed: 5, held: 0};
const training = {now: start(), past: [], losses: [], from: 0, heldLosses: [], stopped: ""};

const isHeld = i => settings.held > 0 && i % settings.held === settings.held - 1;
const places = held => Int32Array.from(list(samples.count, i => i).filter(i => isHeld(i) === held));

// The samples of a step: whole epochs in an order that only their number decides, so that a step
// that is taken back and made again is the same.
function batchOf(steps) {
	const order = places(false), n = order.length, size = min(settings.batch, n);
	if (size === n) return [order, 0, n];
	const batches = Math.ceil(n / size), epoch = floor(steps / batches), k = steps % batches;
	let seed = epoch + 1;
	const random = () => {                                 // mulberry32: Ettinger (2017)
		let t = seed = seed + 0x6d2b79f5 | 0;
		t = Math.imul(t ^ t >>> 15, t | 1);
		t ^= t + Math.imul(t ^ t >>> 7, t | 61);
		return ((t ^ t >>> 14) >>> 0) / 2 ** 32;
	};
	for (let i = n - 1; i > 0; i--) {
		const j = floor(random() * (i + 1));
		[order[i], order[j]] = [order[j], order[i]];
	}
	return [order, k * size, min(size, n - k * size)];
}

function step() {
	const {now} = training, {loss, grads} = gradients(now.params, samples.columns, ...batchOf(now.steps));
	if (!Number.isFinite(loss)) {
		training.stopped = `The loss is ${loss} at step ${now.steps}: go Back, or Reset, and choose a smaller learning rate.`;
		return false;
	}
	training.past.push(now);
	if (training.past.length > KEPT) training.past.shift();
	training.losses.push(loss);
	training.now = moved(now, grads, settings.rate);
	return true;
}

function back() {
	if (!training.past.length) return false;
	training.now = training.past.pop();
	training.losses.pop();
	training.stopped = "";
	while (training.heldLosses.length && training.heldLosses.at(-1)[0] > training.now.steps) training.heldLosses.pop();
	return true;
}

// Begins again, from the numbers that came or from others.
function begin(now = start()) {
	Object.assign(training, {now, past: [], losses: [], from: now.steps, heldLosses: [], stopped: ""});
}

function lossOf(order) {
	return order.length ? gradients(training.now.params, samples.columns, order, 0, order.length).loss : NaN;
}

// What the network says of a sample: its outputs, its loss.
function said(i) {
	const {loss} = gradients(training.now.params, samples.columns, [i], 0, 1);
	return {loss, outputs: stepTape.outputs.map(slot => stepTape.read(slot))};
}

// The class that outputs stand for, and how sure they are of it: 0 to 1.
function judged(outputs) {
	if (data.kind === "sign") {
		const [low, high] = data.classes, far = 2 * (outputs[0] - data.middle) / (high - low);
		return [far > 0 ? 1 : 0, abs(Math.tanh(far))];
	}
	const most = max(...outputs), best = outputs.indexOf(most), k = outputs.length;
	const share = 1 / outputs.reduce((sum, x) => sum + Math.exp(x - most), 0);
	return [best, (share - 1 / k) / (1 - 1 / k)];
}

// --- the comparison with Python: the same steps on the data as it came ---

function compareWithPython() {
	const [n, wanted] = data.check, steps = unpacked(wanted).length, rows = data.samples.slice(0, n);
	const columns = list(width, k => Float64Array.from(rows, row => row[k]));
	let now = start(), same = 0, largest = 0;
	for (const python of unpacked(wanted)) {
		const {loss, grads} = gradients(now.params, columns, null, 0, n);
		const apart = Object.is(loss, python) || (loss !== loss && python !== python) ? 0
			: abs(loss - python) / max(abs(python), 1e-300);
		if (!(apart <= 1e-9 || abs(loss - python) < 1e-15)) return {same, steps, largest, loss, python};
		same++;
		largest = max(largest, min(apart, abs(loss - python) < 1e-300 ? 0 : apart));
		now = moved(now, grads, data.lr);
	}
	return {same, steps, largest};
}
