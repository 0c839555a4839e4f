// Goes over an open page by every kind of move, and returns what a reader would stumble over.
const [most, isPhone] = arguments, found = new Map(), graph = document.getElementById("graph");
const press = id => document.getElementById(id).click();
const slider = document.getElementById("slider");
const slideTo = k => {slider.value = k; slider.dispatchEvent(new Event("input"));};
const inside = (e, frame, slack = 1) => {
	const a = e.getBoundingClientRect();
	return a.left >= frame.left - slack && a.right <= frame.right + slack
		&& a.top >= frame.top - slack && a.bottom <= frame.bottom + slack;
};
const meets = (a, b, by = 0) => a.left < b.right - by && b.left < a.right - by && a.top < b.bottom - by && b.top < a.bottom - by;
let moves = 0, asked = 0;
function tell(kind, move, what) {
	const all = found.get(kind) ?? [];
	all.push(`${move}: ${what}`);
	found.set(kind, all);
}
function cardOf(i) {
	let item = i, home = D.home[i];
	while (!cards.has(item) && home >= 0) {item = ~home; home = groups[home].parent;}
	return cards.get(item)?.g;
}
function receivers(i) {
	const all = inputs[i].filter(x => D.op[x] !== -2 && received[x].some(c => c.user === i));
	return [...new Set(all.map(cardOf))];
}
function check(move) {
	const frame = graph.getBoundingClientRect(), all = [...graph.querySelectorAll(".card")];
	const seen = all.filter(card => inside(card.querySelector(".box"), frame));
	moves++;
	if (!seen.length) tell("empty", move, `step ${step}: none of ${all.length} cards in view`);
	if (step) {
		const i = n - step, now = cardOf(i), wanted = receivers(i), k = at.k;
		const room = Math.floor(frame.height / (.87 * 72)), seenOf = wanted.filter(c => c && seen.includes(c));
		asked++;
		if (!now || !seen.includes(now)) tell("current card", move, `step ${step}, ${name(i)}`);
		if (seenOf.length < Math.min(wanted.length, room))
			tell("receivers", move, `step ${step}, ${name(i)}: ${seenOf.length} of ${wanted.length}, scale ${k.toFixed(2)}`);
		const rule = document.querySelector("#step .sum"), aside = document.querySelector("aside").getBoundingClientRect();
		if (rule && !(inside(rule, {left: 0, right: innerWidth, top: 0, bottom: Math.min(innerHeight, aside.bottom)})))
			tell("chain rule below the fold", move, `step ${step}`);
	}
	if (/zero_grad|several passes/.test(document.querySelector("aside").textContent)) tell("accused", move, `step ${step}`);
	checkTexts(move, frame, all);
}
function checkTexts(move, frame, all) {
	const names = new Map(), texts = [];
	for (const card of all) {
		const title = [...card.querySelectorAll(".name, .where")].map(e => e.textContent).join(" | ");
		names.set(title, (names.get(title) ?? 0) + 1);
		if (!meets(card.getBoundingClientRect(), frame)) continue;
		for (const e of card.querySelectorAll("text")) if (e.textContent && e.getClientRects().length) texts.push(e);
	}
	const isFar = graph.classList.contains("far"); // an overview: names are cut, or left out
	for (const [title, count] of names) if (count > 1 && !isFar) tell("name twice", move, `${count} x ${title} in ${where(view) || "graph"}`);
	const small = texts.map(e => parseFloat(getComputedStyle(e).fontSize) * e.getScreenCTM().a).filter(px => px < 9.99);
	if (small.length) tell("small text", move, `${small.length} of ${texts.length} texts, ${Math.min(...small).toFixed(1)} px`);
	const boxes = texts.map(e => [e.getBoundingClientRect(), e]).sort((a, b) => a[0].left - b[0].left);
	boxes.forEach(([a, e], j) => {
		for (let m = j + 1; m < boxes.length && boxes[m][0].left < a.right; m++)
			if (meets(a, boxes[m][0], 1)) tell("texts overlap", move, `${e.textContent} / ${boxes[m][1].textContent}`);
	});
	for (const [a, e] of boxes) {
		const box = e.closest(".card").querySelector(".box").getBoundingClientRect();
		if (a.right > box.right + 1 || a.left < box.left - 1) tell("text out of its card", move, e.textContent);
	}
}
check("open");
press("fit");
check("Fit");
const stops = (count, whole) => [...Array(count).keys()].map(k => Math.round((k + .5) * whole / count));
for (let k = 0; k < most && !document.getElementById("next").disabled; k++) {press("next"); check("Next");}
for (let k = 0; k < 3 && step; k++) {press("back"); check("Back");}
press("first");
check("Restart");
for (let k = 0; k < most / 2 && !document.getElementById("over").disabled; k++) {press("over"); check("Over");}
for (const k of stops(Math.ceil(most / 3), +slider.max)) {
	slideTo(k);
	check("slider");
	press("next");
	check("Next");
	press("back");
	check("Back");
}
keys.End();
check("End");
press("back");
check("Back");
press("first");
check("Restart");
return {moves, asked, found: Object.fromEntries([...found].map(([kind, all]) => [kind, [all.length, ...all.slice(0, 3)]]))};
