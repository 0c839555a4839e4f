// network.js: a column for each layer; each neuron is a button that shows its own map.

const MOST_SHOWN = 16;                                     // neurons of a column
const network = {
	columns: [], lines: null, size: 40,
	sizes: [data.inputs, ...data.columns.map(c => c.neurons.length || data.inputs)],
};

// The inputs, and then the columns of record.py; a unit is {column, row, output (of the tape)}.
function makeNetwork() {
	const {sizes} = network;
	let output = 0;
	network.columns = sizes.map((size, column) => {
		const first = output;
		output += column ? size : 0;
		return list(min(size, MOST_SHOWN), row => ({column, row, output: first + row}));
	});
	const box = $("columns");
	network.lines = box.appendChild(make("canvas"));
	network.lines.ariaHidden = true;
	for (const unit of everyUnit()) {
		const button = unit.button = box.appendChild(make("button"));
		unit.canvas = button.appendChild(make("canvas"));
		button.className = "neuron";
		button.tabIndex = -1;
		button.addEventListener("click", () => selectNeuron(unit));
	}
	network.columns[0][0].button.tabIndex = 0;
	network.columns.forEach((units, k) => {
		const size = sizes[k], tag = units.tag = box.appendChild(make(size > MOST_SHOWN ? "button" : "span"));
		tag.className = "tag";
		tag.addEventListener("click", () => {
			const next = units[0].row + MOST_SHOWN;
			if (units.includes(view.neuron)) view.neuron = null;
			showFrom(units, next < size ? min(next, size - MOST_SHOWN) : 0);
			refresh();
		});
		showFrom(units, 0);
	});
}

// Of a column with more neurons than there is room for, those from this one on.
function showFrom(units, first) {
	const by = first - units[0].row, {column} = units[0], size = network.sizes[column];
	for (const unit of units) {
		unit.row += by;
		unit.output += by;
	}
	units.tag.textContent = column ? `${nameOfColumn(column)} · ${data.columns[column - 1].activation}` : "inputs";
	if (size > MOST_SHOWN) units.tag.textContent += `\n${first}–${first + MOST_SHOWN - 1} of ${size} ▸`;
}

const everyUnit = () => network.columns.flat();

function unitAt(column, row) {
	const units = network.columns[column];
	if (!units || !(row < network.sizes[column])) return null;
	if (!units.some(unit => unit.row === row)) showFrom(units, min(row, network.sizes[column] - MOST_SHOWN));
	return units.find(unit => unit.row === row) ?? null;
}

// As model.layers[k - 1] and its neurons[row] are counted in Python and in the explorer.
const nameOfColumn = k => k === data.columns.length ? "output" : `layer ${k - 1}`;
const nameOfUnit = ({column, row}) => column ? `neuron ${row} of ${nameOfColumn(column)}` : `input ${nameOf(row)}`;

function layOut() {
	if (!data.columns.length) return;
	const box = $("columns"), most = max(...network.columns.map(units => units.length));
	const w = box.clientWidth, columns = network.columns.length;
	const free = matchMedia("(max-width:800px)").matches ? 420 : max(420, innerHeight - 390);
	const size = network.size = max(20, min(64, (free - 30) / most - 7, w / columns * 0.62));
	const h = max(most * (size + 7), 180), head = max(...network.sizes) > MOST_SHOWN ? 44 : 22;
	box.style.height = `${h + head + 4}px`;
	network.columns.forEach((units, k) => {
		const x = w * (k + 0.5) / columns;
		units.forEach((unit, row) => {
			unit.x = x;
			unit.y = head + h * (row + 0.5) / units.length;
			if (units.length < most) unit.y = head + h / 2 + (row - (units.length - 1) / 2) * min(h / units.length, size * 1.6);
			Object.assign(unit.button.style, {left: `${x - size / 2}px`, top: `${unit.y - size / 2}px`, width: `${size}px`, height: `${size}px`});
		});
		const half = min(units.tag.offsetWidth / 2, w / 2);
		units.tag.style.left = `${max(half, min(w - half, x))}px`;
		units.tag.style.top = columns > 4 && w < 500 && k % 2 ? `${h + head + 2}px` : "0";
	});
}

// --- lines: colour is the sign, width the magnitude; a large one does not hide the others ---

function drawLines() {
	const pen = fitted(network.lines), {params} = training.now, {neuron} = view;
	data.columns.forEach((column, k) => {
		const weights = column.neurons.flatMap(places => places.slice(0, -1)).map(p => abs(params[p])).sort((a, b) => a - b);
		const usual = weights[floor(weights.length / 2)] || 1;
		for (const unit of network.columns[k + 1])
			for (const from of network.columns[k]) {
				if (!column.neurons.length && from.row !== unit.row) continue;
				const w = column.neurons.length ? params[column.neurons[unit.row][from.row]] : 1;
				const far = abs(w) / (abs(w) + usual), about = !neuron || neuron === unit || neuron === from;
				pen.beginPath();
				pen.moveTo(from.x + network.size / 2, from.y);
				pen.bezierCurveTo((from.x + unit.x) / 2, from.y, (from.x + unit.x) / 2, unit.y, unit.x - network.size / 2, unit.y);
				pen.lineWidth = 0.3 + 3.6 * far * far;
				pen.setLineDash(w < 0 ? [6, 3] : []);
				pen.strokeStyle = css(w > 0 ? colours.pos : colours.neg, about ? 0.25 + 0.6 * far : 0.08);
				pen.stroke();
			}
	});
}

function drawNeurons() {
	const columns = grid(COARSE), found = neuronTape ? everywhere(neuronTape, columns, COARSE) : [];
	for (const unit of everyUnit()) {
		const numbers = unit.column ? found[unit.output] : columns[unit.row];
		const middle = unit.column ? 0 : mean(numbers);
		const most = numbers.reduce((m, x) => max(m, abs(x - middle)), 1e-9);
		image(COARSE, i => signed((numbers[i] - middle) / most), unit.canvas);
	}
}

function drawNetwork() {
	if (!data.columns.length) return;
	drawLines();
	drawNeurons();
}

// The numbers of all neurons for a sample, by column; the inputs first.
function activations(i) {
	neuronTape.share(training.now.params);
	neuronTape.run(samples.columns, null, i, 1);
	let k = 0;
	const rest = data.columns.map(c => list(c.neurons.length || data.inputs, () => neuronTape.read(neuronTape.outputs[k++])));
	return [inputOf(i), ...rest];
}

const numberOf = ({column, row}, numbers) => ` = ${short(numbers[column][row])} for sample ${view.sample}`;

function nameNeurons() {
	const numbers = view.sample >= 0 && neuronTape ? activations(view.sample) : null;
	for (const unit of everyUnit()) {
		unit.button.title = nameOfUnit(unit) + (numbers ? numberOf(unit, numbers) : "");
		unit.button.ariaPressed = unit === view.neuron;
	}
}

function selectNeuron(unit) {
	view.neuron = view.neuron === unit ? null : unit;
	for (const other of everyUnit()) other.button.tabIndex = other === unit ? 0 : -1;
	unit.button.focus();
	refresh();
}

// Arrow keys walk over the neurons; there is one tab stop.
function walk(event) {
	const unit = everyUnit().find(u => u.button === document.activeElement);
	const move = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
	if (!unit || !move) return;
	const units = network.columns[unit.column + move[0]];
	if (!units) return;
	const near = move[0] ? units.reduce((a, b) => abs(b.y - unit.y) < abs(a.y - unit.y) ? b : a) : units[units.indexOf(unit) + move[1]];
	if (!near) return;
	event.preventDefault();
	unit.button.tabIndex = -1;
	near.button.tabIndex = 0;
	near.button.focus();
}
