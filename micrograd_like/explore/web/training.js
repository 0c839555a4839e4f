// training
const slider = $("epoch"), picture = $("field").getContext("2d"), curve = $("curve");
const {epochs} = D;
for (const row of epochs) row.loss = +row.loss;
const end = epochs.at(-1).epoch || 1, worst = max(...epochs.map(row => abs(row.loss)).filter(isFinite)) || 1;
const across = k => 42 + 118 * k / end, up = loss => 130 - 115 * min(loss / worst, 1.05);
const short3 = x => fmt(x, 3);
show = (e, k) => {
	const {epoch: count, loss, field, ...numbers} = epochs[epoch = e];
	backward(numbers);
	if (D.rules) {
		opening = {...opening, value, rule: numbers.rule};
		for (const i of unnamed) opening.names[i] = fmt(value[i]);
		startFrom(k ? leavesOf(e, k) : []);
	}
	drawPoints(sample = k);
	[...atob(field)].forEach((c, j) => {
		const score = c.charCodeAt() / 127.5 - 1, x = j % D.side, y = j / D.side | 0;
		picture.clearRect(x, y, 1, 1);
		picture.fillStyle = `rgb(${score > 0 ? "52 130 220" : "240 150 40"} / ${abs(score) ** .5 * .65})`;
		picture.fillRect(x, y, 1, 1);
	});
	drawCurve(count, loss);
	slider.value = e;
	$("when").textContent = `${count ? `epoch ${count}` : "before epoch 1"}, loss ${fmt(loss)}`;
	$("sample").value = k + 1;
	$("lost").textContent = `its loss ${fmt(value[n - 1])}`;
};
// what makes the graph another sample's at an epoch
function leavesOf(e, k) {
	const {at, rows, later} = D.samples, numbers = [...rows[k], ...later[e]?.[k] ?? []];
	return at.map((i, j) => [i, +numbers[j]]);
}
function drawPoints(k) {
	$("points").replaceChildren();
	set($("points"), {"aria-label": `Samples and output; larger: sample ${k + 1}`});
	const order = [...D.points.keys()].filter(j => j !== k);
	for (const j of [...order, k]) {
		const [cx, cy, kind] = D.points[j], r = j === k ? 3.2 : 1.7;
		const [tag, place] = kind > 0 ? ["circle", {class: "pos", cx, cy, r}]
			: ["rect", {class: "neg", x: cx - r, y: cy - r, width: 2 * r, height: 2 * r}];
		make(tag, j === k ? {...place, "aria-current": true} : place, $("points"));
	}
}
function drawCurve(count, loss) {
	curve.replaceChildren();
	make("path", {class: "edge", d: "M42 10V130H165"}, curve);
	const label = (x, y, text, kind = "") => make("text", {x, y, class: kind}, curve, text);
	for (const y of [0, worst / 2, worst]) label(38, up(y) + 4, short3(y), "end");
	for (const k of [0, end]) label(across(k) - (k ? 12 : 3), 144, k);
	label(88, 157, "epoch");
	label(48, 12, "loss");
	const line = epochs.filter(row => isFinite(row.loss)).map(row => `${across(row.epoch)} ${up(row.loss)}`);
	make("path", {class: "loss", d: "M" + line.join("L")}, curve);
	make("circle", {class: "mark", cx: across(count), cy: isFinite(loss) ? up(loss) : 10, r: 4}, curve);
}
curve.onclick = e => {
	const box = curve.getBoundingClientRect(), x = (e.clientX - box.left) / box.width * 170;
	const far = row => abs(across(row.epoch) - x);
	turnTo(epochs.reduce((best, row, j) => far(row) < far(epochs[best]) ? j : best, 0));
};
const turnTo = (e, k = sample) => {show(e, k); paint(); remember();};
for (const [id, name, [low, high]] of [["across", "x1", D.ranges[0]], ["upward", "x2", D.ranges[1]]])
	for (const text of [short3(low), name, short3(high)]) make("span", {}, $(id), text);
const all = D.points.length, some = D.samples?.rows.length ?? 1;
$("legend").textContent = "\u25cf target above 0, \u25a0 not above; larger: the sample of the graph. Ground: output above 0 blue, below orange."
	+ (some > 1 ? " Click a sample to see its graph." : D.one ? ` Only the graph of sample 1 is shown: ${D.one}.` : "")
	+ (some > 1 && some < all ? ` The first ${some} of ${many(all)} can be chosen.` : "")
	+ (D.left ? ` Left out: epochs whose graph is another one (${D.left}).` : "");
$("field").width = $("field").height = D.side;
if (some > 1) {
	$("which").hidden = $("lost").hidden = false;
	$("of").textContent = `of ${many(some)}`;
	$("sample").max = some;
	$("sample").onchange = () => turnTo(epoch, max(1, min(some, Math.round(+$("sample").value) || 1)) - 1);
	$("square").onclick = e => {
		const box = $("square").getBoundingClientRect(), x = (e.clientX - box.left) / box.width * 100, y = (e.clientY - box.top) / box.height * 100;
		const far = D.points.slice(0, some).map(([cx, cy]) => hypot(cx - x, cy - y));
		turnTo(epoch, far.indexOf(min(...far)));
	};
}
slider.max = epochs.length - 1;
slider.oninput = () => turnTo(+slider.value);
recall();
