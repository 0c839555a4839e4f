// curve.js: the loss over the steps, before them that of the epochs of fit; logarithmic where it pays.

function drawCurve() {
	const pen = fitted($("curve")), [w, h] = inside(pen);
	const {from, heldLosses} = training, before = data.history.map(Number);
	const losses = training.losses.length ? training.losses : [lossOf(places(false))];
	const all = [...before, ...losses, ...heldLosses.map(pair => pair[1])].filter(x => x > 0);
	const first = from - before.length, last = max(from + losses.length, from + 20);
	let [low, high] = rangeOf(all.length ? all : [1]);
	const log = high / low > 30;
	low = log ? low : 0;
	const place = x => log ? Math.log(max(x, low)) : x, bottom = place(low), top = place(high * 1.05);
	const share = before.length && max(0.2, before.length / (last - first));
	const x = k => EDGE.left + w * (k < from ? share * (k - first) / (from - first) : share + (1 - share) * (k - from) / (last - from));
	const y = value => pen.h - EDGE.bottom - (place(value) - bottom) / (top - bottom || 1) * h;
	drawCurveAxes(pen, x, y, {first, last, low, high, log, before: before.length});
	line(pen, before.map((loss, k) => [x(first + k), y(loss)]), colours.muted, [4, 3]);
	line(pen, thinned(losses, pen.w).map(([k, loss]) => [x(from + k), y(loss)]), colours.pos, []);
	line(pen, heldLosses.map(([k, loss]) => [x(k), y(loss)]), colours.neg, [7, 3]);
	pen.beginPath();
	pen.arc(x(from + losses.length - 1), y(losses.at(-1)), 3.5, 0, 7);
	pen.fillStyle = css(colours.pos);
	pen.fill();
	const held = heldLosses.length ? `, held out ${short(heldLosses.at(-1)[1])}` : "";
	$("loss").textContent = `${short(losses.at(-1))} at step ${from + losses.length - 1}${held}`;
	$("curve").ariaLabel = `Loss over the steps: ${$("loss").textContent}`;
}

function drawCurveAxes(pen, x, y, {first, last, low, high, log, before}) {
	pen.strokeStyle = css(colours.line, 0.5);
	pen.fillStyle = css(colours.muted);
	pen.lineWidth = 1;
	pen.setLineDash([]);
	pen.textAlign = "right";
	for (const t of log ? powers(low, high) : ticks([low, high], 4)) {
		pen.fillText(t && t < 0.001 ? t.toExponential(0) : +t.toPrecision(2), EDGE.left - 6, y(t) + 4);
		pen.beginPath();
		pen.moveTo(EDGE.left, y(t));
		pen.lineTo(pen.w - EDGE.right, y(t));
		pen.stroke();
	}
	pen.textAlign = "center";
	for (const t of ticks([max(training.from, first), last], 5))
		if (Number.isInteger(t)) pen.fillText(t, x(t), pen.h - 16);
	pen.fillText(`step${log ? ", loss logarithmic" : ""}`, (x(training.from) + pen.w) / 2, pen.h - 3);
	if (!before) return;
	pen.textAlign = "left";
	pen.fillText(`${before} epoch${before > 1 ? "s" : ""} of fit`, x(first) + 2, pen.h - 3);
	pen.fillRect(x(training.from), EDGE.top, 1, inside(pen)[1]);
}

// Powers of ten in a range, and where they are few, twice and five times them.
function powers(low, high) {
	const every = list(60, k => +`1e${k - 40}`), few = Math.log10(high / low) < 3;
	const found = every.flatMap(t => few ? [t, 2 * t, 5 * t] : [t]).filter(t => t >= low && t <= high);
	return found.filter((_, k) => k % Math.ceil(found.length / 6) === 0);
}

// At most some points for each pixel: the curve of 100,000 steps is drawn as quickly.
function thinned(losses, wide) {
	const each = max(1, floor(losses.length / (2 * wide)));
	return losses.flatMap((loss, k) => k % each && k < losses.length - 1 ? [] : [[k, loss]]);
}

function line(pen, points, colour, dash) {
	pen.beginPath();
	points.forEach(([x, y]) => pen.lineTo(x, y));
	pen.lineWidth = 1.8;
	pen.strokeStyle = css(colour);
	pen.setLineDash(dash);
	pen.stroke();
	pen.setLineDash([]);
}
