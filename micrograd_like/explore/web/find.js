// find
let found = [], turn = -1, words;
function index() {
	const all = [...value.keys()].reverse().filter(i => !isConstant(i));
	return words ??= [...[...groups.keys()].map(g => ~g).slice(1), ...all].map(item => [item, name(item).toLowerCase()]);
}
function matches(q) {
	const all = [...value.keys()].reverse();
	if (!q) return [];
	if (q.startsWith("op:")) return all.filter(i => opOf(i)?.slice(0, 2).some(o => o.toLowerCase() === q.slice(3)));
	if (q === "nan") return all.filter(i => isNan(value[i]) || isNan(total(i)));
	if (q === "grad=0") return all.filter(i => total(i) === 0);
	if (q === "stored") return all.filter(i => D.notes[i]?.some(note => note.startsWith(q)));
	const hits = [];
	for (const [item, text] of index()) {
		const j = text.indexOf(q);
		if (j >= 0) hits.push([999 * j + text.length, item]);
	}
	return hits.sort((a, b) => a[0] - b[0]).map(([, item]) => item);
}
$("find").oninput = () => {
	const asked = $("find").value.trim().toLowerCase();
	found = matches(asked);
	turn = -1;
	$("hits").textContent = asked && `${many(found.length)} found`;
	const special = ["op:tanh", "nan", "grad=0"].filter(s => asked && s.startsWith(asked));
	const names = new Set([...special, ...found.slice(0, 99).map(said)]);
	$("names").replaceChildren(...[...names].slice(0, 12).map(value => make("option", {value})));
};
function findNext() {
	if (!found.length) return;
	turn = (turn + 1) % found.length;
	reveal(found[turn]);
	$("hits").textContent = `${turn + 1} of ${many(found.length)}`;
}
