// groups
function news() {
	const own = groups.map(() => ({nan: 0, zero: 0, most: -1})), all = own.map(a => ({...a}));
	for (let i = 0; i < n; i++) {
		const g = gradient(i), a = own[D.home[i]];
		a.nan += isNan(value[i]) || isNan(g);
		a.zero += n - i <= step && !g;
		if (abs(g) > a.most) a.most = abs(g);
	}
	own.forEach(({nan, zero, most}, h) => {
		for (; h >= 0; h = groups[h].parent) {
			const a = all[h];
			a.nan += nan;
			a.zero += zero;
			a.most = max(a.most, most);
		}
	});
	return all;
}
function paintGroup(card, item, {nan, zero, most}) {
	const some = most < 0 ? "" : `|grad| to ${fmt(most, 3)}`, no = most < 0 ? "no gradients" : "all gradients 0";
	card.line.textContent = nan ? `${many(nan)} nan` : zero < groups[~item].size ? some : no;
	warn(card.line, nan);
	return `group of ${many(groups[~item].size)} values, ${card.line.textContent}`;
}
function askCopy(part, g, c, most) {
	if (groups[g].kind === "samples") part.append(" sample ");
	const looks = {id: "copy", type: "number", min: 1, max: most, value: c + 1, "aria-label": `which of ${most}`};
	const box = make("input", looks, part);
	if (groups[g].kind === "samples") part.append(` of ${most}`);
	box.onchange = () => {enter(g, max(0, min(most, +box.value || 1) - 1)); $("copy").focus();};
}
