// exact.js: functions with the bits that Python's have, almost always; after tape.js.
//
// C libraries round exp, log, pow, sin, cos, tan and atan correctly but for about one call in a
// thousand; browsers do in nine of ten. Here they are computed with twice the digits and rounded
// once. The others (tanh, sinh, expm1, log1p) are Sun's fdlibm in glibc as in Chromium; fdlibm makes
// cosh from exp and expm1. A number of twice the digits is a pair [high, low].
// Source: Dekker (1971), A floating-point technique for extending the available precision.

const EXACT = (() => {
	const quickSum = (a, b) => {
		const sum = a + b;
		return [sum, b - (sum - a)];
	};
	const twoSum = (a, b) => {
		const sum = a + b, part = sum - a;
		return [sum, a - (sum - part) + (b - part)];
	};
	const halves = a => {
		const c = 134217729 * a, high = c - (c - a);         // 2^27 + 1
		return [high, a - high];
	};
	const product = (a, b) => {
		const p = a * b, [ah, al] = halves(a), [bh, bl] = halves(b);
		return [p, ah * bh - p + ah * bl + al * bh + al * bl];
	};
	const add = (x, y) => {
		const [s, e] = twoSum(x[0], y[0]), [t, f] = twoSum(x[1], y[1]);
		const [u, g] = quickSum(s, e + t);
		return quickSum(u, g + f);
	};
	const times = (x, y) => {
		const [p, e] = product(x[0], y[0]);
		return quickSum(p, e + (x[0] * y[1] + x[1] * y[0]));
	};
	const minus = x => [-x[0], -x[1]];
	const over = (x, y) => {
		const q = x[0] / y[0], rest = add(x, minus(times([q, 0], y)));
		return quickSum(q, (rest[0] + rest[1]) / y[0]);
	};
	const scaled = (x, k) => [x[0] * k, x[1] * k];         // by a power of two
	const usual = x => Math.abs(x) > 1e-300 && Math.abs(x) < 1e300;

	// 1/2!, 1/3!, ..., and what they lack; the constants in three parts, the first two short.
	const INVERSE = [];
	for (let n = 2, f = [1, 0]; n < 30; n++) INVERSE.push(f = over(f, [n, 0]));
	const LN2 = [0x162e42fefa3 / 2 ** 41, 0x9ef35793c767 / 2 ** 89, 0x1803f2f6af40f3 / 2 ** 144];
	const HALF_PI = [0x1921fb54442 / 2 ** 40, 0xd18469898cc5 / 2 ** 88, 0x1701b839a25205 / 2 ** 144];
	const without = (x, k, parts) =>                       // x - k * constant; k below 2^11 times
		[product(k, parts[0]), product(k, parts[1]), product(k, parts[2])].reduce(
			(rest, part) => add(rest, minus(part)), x);

	// A pair of about 1 and what it is to be multiplied with, 2^k.
	const exponential = x => {
		const k = Math.round(x[0] / Math.LN2), r = scaled(without(x, k, LN2), 2 ** -6);
		let sum = [0, 0], power = r;
		for (const f of INVERSE.slice(0, 12)) {
			power = times(power, r);
			sum = add(sum, times(power, f));
		}
		let tail = add(r, sum);                            // exp(r) - 1: nothing is lost in squaring
		for (let i = 0; i < 6; i++) tail = add(scaled(tail, 2), times(tail, tail));
		return [add([1, 0], tail), k];
	};
	const exp = (x, low = 0) => {
		if (!(x > -708 && x < 709)) return Math.exp(x + low);
		if (Math.abs(x) < 2 ** -54) return 1 + x;
		const [y, k] = exponential(quickSum(x, low));
		return (y[0] + y[1]) * 2 ** (k / 2 | 0) * 2 ** (k - (k / 2 | 0));
	};
	const logarithm = x => {                               // a better one than y: y + (x exp(-y) - 1)
		const y = Math.log(x), [e, k] = exponential([-y, 0]);
		const rest = add(times(scaled(e, 2 ** (k / 2 | 0)), [x * 2 ** (k - (k / 2 | 0)), 0]), [-1, 0]);
		return add([y, 0], add(rest, scaled(times(rest, rest), -0.5)));
	};
	const log = x => usual(x) && x > 0 && x !== 1 ? logarithm(x)[0] : Math.log(x);
	const pow = power((x, y) => {
		if (!(x > 0 && usual(x) && y !== 0 && Math.abs(y) < 1e15)) return Math.pow(x, y);
		const exponent = times(logarithm(x), [y, 0]);
		return exp(exponent[0], exponent[1]);
	});

	const series = (r, first) => {                         // of sin (1) or cos (0)
		const square = minus(times(r, r));
		let power = first ? r : [1, 0], sum = [0, 0];
		for (let n = first + 2; n < 30; n += 2) {
			power = times(power, square);
			sum = add(sum, times(power, INVERSE[n - 2]));
		}
		return add(first ? r : [1, 0], sum);
	};
	const circle = x => {                                  // sin and cos
		const k = Math.round(x / (Math.PI / 2)), r = without([x, 0], k, HALF_PI);
		const sin = series(r, 1), cos = series(r, 0), quarter = (k % 4 + 4) % 4;
		return [[sin, cos], [cos, minus(sin)], [minus(sin), minus(cos)], [minus(cos), sin]][quarter];
	};
	const near = x => Math.abs(x) < 1000 && Math.abs(x) > 1e-8;
	const sin = x => near(x) ? circle(x)[0][0] : Math.sin(x);
	const cos = x => near(x) ? circle(x)[1][0] : Math.cos(x);
	const tan = x => near(x) ? over(...circle(x))[0] : Math.tan(x);
	const atan = x => {                                    // y + atan((x - tan y) / (1 + x tan y))
		if (!(near(x))) return Math.atan(x);
		const y = Math.atan(x), [s, c] = circle(y), t = over(s, c);
		return add([y, 0], over(add([x, 0], minus(t)), add([1, 0], times([x, 0], t))))[0];
	};
	const cosh = x => {
		const a = Math.abs(x), t = a < 0.5 * Math.LN2 ? Math.expm1(a) : exp(a);
		if (a < 0.5 * Math.LN2) return a < 2 ** -55 ? 1 : 1 + t * t / (1 + t + (1 + t));
		return a < 22 ? 0.5 * t + 0.5 / t : a < 709 ? 0.5 * t : Math.cosh(x);
	};
	return {...BROWSERS, exp, log, pow, sin, cos, tan, atan, cosh};
})();
