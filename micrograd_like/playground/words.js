// words.js: the selected neuron and sample in words and numbers, which is what is not in the picture.

function element(tag, text = "", ...children) {
	const made = make(tag);
	made.textContent = text;
	made.append(...children);
	return made;
}

function writeWords() {
	const parts = [];
	if (view.sample >= 0) parts.push(sampleWords(view.sample));
	if (view.neuron) parts.push(...neuronWords(view.neuron));
	if (!parts.length) parts.push(element("p", `${data.optimizer}, step ${training.now.steps}. Select a neuron or a sample to read its numbers.`));
	$("words").replaceChildren(...parts);
}

function sampleWords(i) {
	const {loss, outputs} = said(i), target = rowOf(i).slice(data.inputs);
	const inputs = inputOf(i).slice(0, 12).map((x, k) => `${nameOf(k)} = ${short(x)}`).join(", ") + (data.inputs > 12 ? ", ..." : "");
	const is = target.map(short).join(", "), right = isNumber ? "" : judged(outputs)[0] === classOf(i) ? ", right" : ", wrong";
	return element("div", "", element("p", "", element("b", `Sample ${i}`),
		`${isHeld(i) ? " (held out)" : ""}: ${inputs}; target ${is}; output ${outputs.map(short).join(", ")}${right}; its loss ${short(loss)}`));
}

function neuronWords(unit) {
	const column = unit.column ? data.columns[unit.column - 1] : null;
	const title = element("b", nameOfUnit(unit));
	if (!column || !column.neurons.length) {
		const now = view.sample >= 0 ? numberOf(unit, activations(view.sample)) : "";
		return [element("div", "", element("p", "", title, now))];
	}
	const places = column.neurons[unit.row], {params} = training.now, inputs = places.slice(0, -1), bias = places.at(-1);
	const source = unit.column > 1 ? "h" : "x", f = text => column.activation === "linear" ? text : `${column.activation}(${text})`;
	const sum = ["b", ...inputs.slice(0, 8).map((_, k) => `w${k}*${source}${k}`), ...inputs.length > 8 ? ["..."] : []].join(" + ");
	const lines = [element("p", "", title, ` = ${f(sum)}`)];
	if (view.sample >= 0) {
		const numbers = activations(view.sample), h = numbers[unit.column - 1];
		const terms = inputs.slice(0, 8).map((p, k) => (params[p] < 0 ? " - " : " + ") + `${short(abs(params[p]))}*${h[k] < 0 ? `(${short(h[k])})` : short(h[k])}`);
		lines.push(element("p", `= ${f(short(params[bias]) + terms.join("") + (inputs.length > 8 ? " + ..." : ""))}${numberOf(unit, numbers)}`));
	}
	const own = view.sample >= 0 && gradients(params, samples.columns, [view.sample], 0, 1).grads;
	return [Object.assign(element("div", "", ...lines), {className: "neuron-words"}), weightTable(places, inputs, bias, own)];
}

// Each weight, its gradient over the next batch, and what the optimiser will make of it.
function weightTable(places, inputs, bias, own) {
	const {now} = training, batch = batchOf(now.steps), {grads} = gradients(now.params, samples.columns, ...batch);
	const next = moved(now, grads, settings.rate).params;
	const head = element("tr", "", ...["", "value", "gradient", ...own ? [`of sample ${view.sample}`] : [], "next"].map(text => element("th", text)));
	const rows = [["b", bias], ...inputs.map((p, k) => [`w${k}`, p])].map(([name, p]) => {
		const is = p < trained;
		const cells = [name, full(now.params[p]), is ? full(grads[p]) : "not trained", ...own ? [is ? full(own[p]) : ""] : [], is ? full(next[p]) : ""];
		return element("tr", "", ...cells.map(text => element("td", text)));
	});
	const box = element("div", "", element("table", "", head, ...rows));
	return Object.assign(box, {id: "table", tabIndex: rows.length > 8 ? 0 : -1, role: "group", ariaLabel: "Weights"});
}

const full = x => String(+x.toPrecision(innerWidth < 500 ? 5 : 9));

function writeLegend() {
	const names = isNumber ? ["low", "high"] : data.classes.map((c, k) => data.labels?.[k] ?? `class ${short(c)}`);
	const parts = names.map((name, k) => {
		const canvas = make("canvas"), pen = canvas.getContext("2d");
		canvas.width = canvas.height = 14;
		shape(pen, k, 7, 7, 5);
		pen.fillStyle = css(colours.classes[k]);
		pen.fill();
		return element("span", "", canvas, ` ${name}`);
	});
	if (!isNumber) parts.push(element("span", "strong colour: sure of it"));
	if (settings.held) parts.push(element("span", "hollow: held out; dashed curve: their loss"));
	$("legend").replaceChildren(...parts);
}
