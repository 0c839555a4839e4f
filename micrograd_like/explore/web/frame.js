// pan and zoom
function place() {
	set($("scene"), {transform: `translate(${at.x} ${at.y}) scale(${at.k})`});
	graph.classList.toggle("far", at.k < SMALLEST);
	if (titled.k !== at.k || titled.cards !== cards) for (const [item, card] of cards) giveTitle(item, card);
	titled = {k: at.k, cards, isFar: at.k < SMALLEST};
}
// from far a card shows its name only, still legible
let titled = {};
function giveTitle(item, {title, room}) {
	const isFar = at.k < SMALLEST, size = isFar ? 10.5 / at.k : 13, isTiny = at.k < .3 || cards.size > 400;
	const font = `600 ${size}px system-ui,sans-serif`;
	if (!isFar && !titled.isFar && titled.cards === cards) return;
	set(title, {y: isFar ? H / 2 + size / 3 : 20, x: isFar ? 18 : 21, style: `font-size:${size}px`});
	title.textContent = isFar ? isTiny ? "" : short(name(item), W - 24, font) : short(name(item), room, font);
}
const screen = () => graph.getBoundingClientRect();
function bounds() {
	const xs = [...cards.values()].map(c => c.x), ys = [...cards.values()].map(c => c.y);
	const x = min(...xs) - 20, y = min(...ys) - H / 2 - 20;
	return {x, y, width: max(...xs) + W + 20 - x, height: max(...ys) + H / 2 + 20 - y};
}
// at opening, and where a reader goes: cards are this large, so that their text is at least 10 px
const LEGIBLE = .9, SMALLEST = .87;
function fit(legible, {width, height} = screen()) {
	if (drawn !== whole) draw();
	const b = bounds(), all = min(width / b.width, height / b.height, 1.3);
	const k = max(all, legible === true ? LEGIBLE : .1);
	const focus = cards.get(chosen) ?? cards.get(current()) ?? cards.get(n - 1) ?? cards.get(shown.at(-1));
	const middle = (size, start, length, spot) => length * k <= size ? (size - length * k) / 2 - start * k
		: max(size - (start + length) * k, min(-start * k, size / 2 - spot * k));
	at = {k, x: middle(width, b.x, b.width, focus.x + W / 2), y: middle(height, b.y, b.height, focus.y)};
	place();
}
function receivers(i) {
	const all = inputs[i].filter(x => !isConstant(x) && received[x].some(c => c.user === i));
	return [...new Set(all.map(cardOf))].filter(item => item !== undefined && item !== cardOf(i));
}
// the current card and its receivers, legible and in view: moved as little as possible, or in a
// close-up, of many receivers from one of them on
function bring(from = 0) {
	const now = current(), wanted = [now, ...receivers(n - step)], size = screen(), {width, height} = size;
	if (now === undefined) return fit(true);
	if (!wanted.every(item => whole.place.has(item))) setWhole(now);
	const room = b => min(width / b.width, height / b.height);
	const picture = room(boxOf(whole, wanted)) < LEGIBLE ? closeUp(now, wanted.slice(1), from, width, height) : whole;
	if (picture === drawn) paint(); else {draw(picture); if (picture === whole) fit(true, size);}
	const b = boxOf(picture, picture === whole ? wanted : picture.items);
	const k = picture === whole ? max(LEGIBLE, min(at.k, room(b))) : min(room(b), 1.1);
	const old = at, x = (width - b.width * k) / 2 - b.x * k, y = (height - b.height * k) / 2 - b.y * k;
	const within = (a, start, length, size) => max(-start * k, min(size - (start + length) * k, a));
	at = picture !== whole || k !== old.k ? {k, x, y}
		: {k, x: within(old.x, b.x, b.width, width), y: within(old.y, b.y, b.height, height)};
	place();
}
function boxOf(picture, items) {
	const slots = items.map(item => picture.place.get(item)).filter(s => s !== undefined);
	const xs = slots.map(s => picture.left[picture.x[s]]), ys = slots.map(s => picture.y[s]);
	const x = min(...xs) - 8, y = min(...ys) - H / 2 - 8;
	return {x, y, width: max(...xs) + W + 8 - x, height: max(...ys) + H / 2 + 8 - y};
}
// a step whose cards are far apart: they alone, as many as have room, with the users on the right
function closeUp(now, wanted, from, width, height) {
	const gap = 40, tall = H + GAP_Y, has = (size, one, gap) => max(1, floor((size / LEGIBLE - 16 + gap) / (one + gap)));
	const rows = has(height, H, GAP_Y), columns = max(2, has(width, W, gap));
	const after = new Set(whole.e.filter(([a]) => whole.items[a] === now).map(([, b]) => whole.items[b]));
	const users = [...after].slice(0, columns > 2 ? rows : 0), most = columns - 1 - !!users.length;
	const wide = max(1, min(most, ceil(wanted.length / rows))), high = min(rows, ceil(wanted.length / wide));
	const left = wanted.slice(from, from + wide * high), items = [...left, now, ...users], s = left.length;
	const x = items.map((_, k) => k < s ? k / high | 0 : k > s ? wide + 1 : wide);
	const y = items.map((_, k) => k < s ? (k % high - (high - 1) / 2) * tall : k > s ? (k - s - 1 - (users.length - 1) / 2) * tall : 0);
	const rails = k => Array(wide - 1 - x[k]).fill(y[k] + tall / 2); // between the rows
	const e = [...left.map((_, k) => [k, s, ...rails(k)]), ...users.map((_, k) => [s, s + 1 + k])];
	const place = new Map(items.map((item, k) => [item, k]));
	const part = s < wanted.length && {from, to: from + s, of: wanted.length};
	return {items, x, y, e, place, part, left: [...Array(wide + 2).keys()].map(c => c * (W + gap))};
}
function showMore() {
	const {part} = drawn;
	if (part) bring(part.to < part.of ? part.to : 0);
}
function zoom(by, x, y) {
	const box = screen(), k = max(.02, min(4, at.k * by)), more = k / at.k;
	const px = x === undefined ? box.width / 2 : x - box.left, py = y === undefined ? box.height / 2 : y - box.top;
	at = {k, x: px - (px - at.x) * more, y: py - (py - at.y) * more};
	place();
}
function see(item) {
	const card = cards.get(item), {width, height} = screen();
	if (!card) return;
	const x = (card.x + W / 2) * at.k + at.x, y = card.y * at.k + at.y;
	if (abs(x - width / 2) > width / 2 - W / 2 * at.k) at.x += width / 2 - x;
	if (abs(y - height / 2) > height / 2 - H / 2 * at.k) at.y += height / 2 - y;
	place();
}
const under = e => {const card = e.target.closest(".card"); return card ? +card.id.slice(4) : null;};
const fingers = new Map();
let moved = 0;
graph.onpointerdown = e => {if (!fingers.size) moved = 0; fingers.set(e.pointerId, e);};
onpointermove = e => {
	const last = fingers.get(e.pointerId), other = [...fingers.values()].find(f => f.pointerId !== e.pointerId);
	if (!last) return;
	const far = (a, b) => hypot(a.clientX - b.clientX, a.clientY - b.clientY);
	moved += far(e, last);
	if (other) zoom(far(e, other) / far(last, other), other.clientX, other.clientY);
	else if (moved > 3) {at.x += e.clientX - last.clientX; at.y += e.clientY - last.clientY; place();}
	fingers.set(e.pointerId, e);
};
onpointerup = onpointercancel = e => fingers.delete(e.pointerId);
graph.addEventListener("wheel", e => {
	e.preventDefault();
	zoom(Math.exp(-e.deltaY * (e.deltaMode ? .03 : .0015)), e.clientX, e.clientY);
}, {passive: false});
graph.onclick = e => {if (moved <= 3) choose(under(e));};
graph.ondblclick = e => dive(under(e));
