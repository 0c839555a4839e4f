// link.js: the state of the page as the part of its address behind the #, and back.

// In the letters that an address may have.
const forLink = numbers => packed(numbers).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

function fromLink(text, length) {
	const numbers = unpacked(text.replaceAll("-", "+").replaceAll("_", "/"));
	if (length !== undefined && numbers.length !== length || numbers.some(x => x !== x)) throw new RangeError("other numbers");
	return numbers;
}

function stateAsText() {
	const {now} = training, {neuron} = view;
	const state = new URLSearchParams({
		step: now.steps, first: +now.first, rate: settings.rate, batch: settings.batch, speed: settings.speed,
		held: settings.held, axes: view.axes, output: view.output, sample: view.sample,
		neuron: neuron ? `${neuron.column},${neuron.row}` : "", w: forLink([...now.params]),
		k: forLink(now.kept.flatMap(column => [...column])),
	});
	if (samples.edited) state.set("data", forLink(list(samples.count, rowOf).flat()));
	return state.toString();
}

const whole = (text, low, high) => {
	const n = Number(text);
	if (!Number.isInteger(n) || n < low || n > high) throw new RangeError(`${text} is no number from ${low} to ${high}`);
	return n;
};

// Reads all of it before anything is changed; a wrong one throws.
function restore(text) {
	const state = new URLSearchParams(text), get = name => state.get(name) ?? "";
	const rows = state.has("data") ? samplesOf(fromLink(get("data"))) : data.samples;
	const first = Boolean(whole(get("first"), 0, 1)), keys = data.keys[first ? 0 : 1].length;
	const params = Float64Array.from(fromLink(get("w"), data.parameters.length));
	const numbers = fromLink(get("k"), keys * trained);
	const kept = list(keys, k => Float64Array.from(numbers.slice(k * trained, (k + 1) * trained)));
	const rate = Number(get("rate")), axes = get("axes").split(",").map(k => whole(k, 0, max(1, data.inputs - 1)));
	if (!(rate >= 0 && rate < Infinity) || axes.length !== 2) throw new RangeError("no learning rate");
	const next = {rate, batch: whole(get("batch"), 1, MOST), speed: whole(get("speed"), 1, 50), held: whole(get("held"), 0, 9)};
	const now = {params, kept, first, steps: whole(get("step"), 0, 1e15)};
	const sample = whole(get("sample"), -1, rows.length - 1), output = whole(get("output"), 0, data.outputs - 1);
	const [column, row] = get("neuron").split(",").map(Number);
	setSamples(rows);
	samples.edited = state.has("data");
	Object.assign(settings, next);
	Object.assign(view, {axes, sample, output, neuron: unitAt(column, row)});
	begin(now);
}

function samplesOf(numbers) {
	if (numbers.length < 2 * width || numbers.length % width || numbers.length > MOST * width || !numbers.every(Number.isFinite))
		throw new RangeError("no samples");
	return rowsOf(numbers, width);
}
