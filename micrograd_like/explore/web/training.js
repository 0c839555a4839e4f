// training
const slider = $("epoch"), picture = $("field").getContext("2d"), curve = $("curve");
const losses = D.epochs.map(row => row.loss);
show = e => {
	const {epoch: count, loss, field, ...numbers} = D.epochs[epoch = e], worst = max(...losses) || 1;
	const across = j => 4 + 92 * j / max(losses.length - 1, 1), up = y => 96 - 92 * y / worst;
	backward(numbers);
	[...atob(field)].forEach((c, j) => {
		const score = c.charCodeAt() / 127.5 - 1, x = j % D.side, y = j / D.side | 0;
		picture.clearRect(x, y, 1, 1);
		picture.fillStyle = `rgb(${score > 0 ? "52 130 220" : "240 150 40"} / ${abs(score) ** .5 * .65})`;
		picture.fillRect(x, y, 1, 1);
	});
	curve.replaceChildren();
	make("path", {class: "edge", d: "M" + losses.map((y, j) => `${across(j)} ${up(y)}`).join("L")}, curve);
	make("circle", {class: "mark", cx: across(e), cy: up(loss), r: 3}, curve);
	slider.value = e;
	$("when").textContent = `epoch ${count}, loss ${fmt(loss)}`;
};
$("field").width = $("field").height = D.side;
for (const [j, [cx, cy, kind]] of D.points.entries())
	make("circle", {class: kind > 0 ? "pos" : "neg", cx, cy, r: j ? 1.4 : 2.8}, $("points"));
slider.max = losses.length - 1;
slider.oninput = () => {show(+slider.value); paint(); remember();};
recall();
