// training
const slider = $("epoch"), picture = $("field").getContext("2d"), curve = $("curve");
const {epochs} = D;
for (const row of epochs) row.loss = +row.loss;
const end = epochs.at(-1).epoch || 1, worst = max(...epochs.map(row => abs(row.loss)).filter(isFinite)) || 1;
const across = k => 42 + 118 * k / end, up = loss => 130 - 115 * min(loss / worst, 1.05);
const short3 = x => fmt(x, 3);
show = e => {
	const {epoch: count, loss, field, ...numbers} = epochs[epoch = e];
	backward(numbers);
	[...atob(field)].forEach((c, j) => {
		const score = c.charCodeAt() / 127.5 - 1, x = j % D.side, y = j / D.side | 0;
		picture.clearRect(x, y, 1, 1);
		picture.fillStyle = `rgb(${score > 0 ? "52 130 220" : "240 150 40"} / ${abs(score) ** .5 * .65})`;
		picture.fillRect(x, y, 1, 1);
	});
	drawCurve(count, loss);
	slider.value = e;
	$("when").textContent = `${count ? `epoch ${count}` : "before epoch 1"}, loss ${fmt(loss)}`;
};
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
const turnTo = e => {show(e); paint(); remember();};
for (const [id, name, [low, high]] of [["across", "x1", D.ranges[0]], ["upward", "x2", D.ranges[1]]])
	for (const text of [short3(low), name, short3(high)]) make("span", {}, $(id), text);
$("legend").textContent = "\u25cf target above 0, \u25a0 not above; larger: the sample of the graph. Ground: output above 0 blue, below orange.";
$("field").width = $("field").height = D.side;
for (const [j, [cx, cy, kind]] of D.points.entries()) {
	const r = j ? 1.7 : 3.2;
	if (kind > 0) make("circle", {class: "pos", cx, cy, r}, $("points"));
	else make("rect", {class: "neg", x: cx - r, y: cy - r, width: 2 * r, height: 2 * r}, $("points"));
}
slider.max = epochs.length - 1;
slider.oninput = () => turnTo(+slider.value);
recall();
