// Views say what should be there (`h`), and `patch` changes what is there until it is so: elements stay the same ones, so that focus,
// selection and scrolling stay too. Data is only ever text: there is no way from here to markup.

import { place } from "./router.js";
import { state } from "./state.js";

/** @typedef {{tag: string, key: string | number | undefined, props: Record<string, any>, children: Node_[]}} VNode */
/** @typedef {VNode | string} Node_ */
/** @typedef {VNode | string | number | null | undefined | false} One */
/** @typedef {One | readonly (One | readonly (One | readonly (One | One[])[])[])[]} Child */

const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set(["svg", "path", "circle", "rect", "g"]);
/** What an element was last told. @type {WeakMap<Node, {key: unknown, props: Record<string, any>}>} */
const told = new WeakMap();

/**
 * An element: "tag" or "tag.class.class". `class` may be a list too; `style` is an object; `onclick` and the like are listeners; `.name` is a property; `key` tells
 * it from its siblings; `null` and `false` are absent.
 * @param {string} tag @param {Record<string, any> | null} [props] @param {Child[]} children @returns {VNode}
 */
export function h(tag, props, ...children) {
	const { key, ...rest } = props ?? {};
	const [name, ...classes] = tag.split(".");
	if (classes.length) rest.class = [...classes, rest.class].flat();
	return { tag: name, key, props: rest, children: flat(children) };
}

/** @param {Child[]} children @param {Node_[]} [out] @returns {Node_[]} */
function flat(children, out = []) {
	for (const child of children) {
		if (Array.isArray(child)) flat(/** @type {Child[]} */ (child), out);
		else if (typeof child === "object" && child) out.push(/** @type {VNode} */ (child));
		else if (child !== null && child !== undefined && child !== false && child !== "") out.push(String(child));
	}
	return out;
}

/** Makes the children of `parent` be these. @param {Element} parent @param {Child[]} wanted */
export function patch(parent, wanted) {
	const children = flat(wanted);
	/** @type {Map<unknown, ChildNode>} */ const keyed = new Map();
	/** @type {ChildNode[]} */ const plain = [];
	for (const node of parent.childNodes) {
		const key = told.get(node)?.key;
		if (key === undefined) plain.push(node);
		else keyed.set(key, node);
	}
	const placed = children.map((child) => {
		const name = typeof child === "string" ? "#text" : child.tag;
		let node;
		if (typeof child !== "string" && child.key !== undefined) {
			node = keyed.get(child.key);
			if (node?.nodeName.toLowerCase() !== name) node = undefined;
			else keyed.delete(child.key);
		} else {
			const at = plain.findIndex((one) => one.nodeName.toLowerCase() === name);
			if (at >= 0) [node] = plain.splice(at, 1);
		}
		if (typeof child === "string") {
			if (!node) return document.createTextNode(child);
			if (node.nodeValue !== child) node.nodeValue = child;
			return node;
		}
		const element = /** @type {Element} */ (
			node ?? (SVG_TAGS.has(child.tag) ? document.createElementNS(SVG, child.tag) : document.createElement(child.tag))
		);
		tell(element, child);
		return element;
	});
	for (const node of [...plain, ...keyed.values()]) node.remove();
	let next = parent.firstChild;
	for (const node of placed) {
		if (node === next) next = next.nextSibling;
		else parent.insertBefore(node, next);
	}
}

/** @param {Element} element @param {VNode} wanted */
function tell(element, { key, props, children }) {
	const before = told.get(element)?.props ?? {};
	told.set(element, { key, props });
	for (const name of Object.keys(before)) if (!(name in props)) set(element, name, undefined, before[name]);
	// A select takes its value once it has its options.
	if (!element.localName.includes("-")) patch(element, children);
	for (const [name, value] of Object.entries(props)) set(element, name, value, before[name]);
}

/** @param {any} element @param {string} name @param {any} value @param {any} before */
function set(element, name, value, before) {
	if (name === "style") {
		for (const part of Object.keys(before ?? {})) if (!(part in (value ?? {}))) element.style.removeProperty(part);
		for (const [part, text] of Object.entries(value ?? {})) {
			if (before?.[part] !== text) element.style.setProperty(part, text);
		}
	} else if (name[0] === "o" && name[1] === "n") {
		// What a listener comes to is nobody's business: false would forbid what the browser does.
		element[name] = value ? (/** @type {Event} */ event) => void value(event) : null;
	} else if (name[0] === ".") {
		if (element[name.slice(1)] !== value) element[name.slice(1)] = value;
	} else if (name === "value" || name === "checked" || name === "open" || name === "indeterminate") {
		// What a person typed meanwhile is theirs: only a change of what is wanted goes in.
		if (value !== before && element[name] !== value) element[name] = value ?? "";
	} else if (value !== before) {
		const text = Array.isArray(value) ? value.filter(Boolean).join(" ") : value;
		if (text === null || text === undefined || text === false) element.removeAttribute(name);
		else element.setAttribute(name, text === true ? "" : String(text));
	}
}

/** An element that renders what is known, again whenever that has changed. */
export class View extends HTMLElement {
	#due = false;
	#stop = () => {};

	connectedCallback() {
		this.#stop = state.listen(() => this.refresh());
		this.start();
		this.#draw();
	}
	disconnectedCallback() {
		this.#stop();
		this.stop();
	}
	/** When it comes. */
	start() {}
	/** When it goes. */
	stop() {}
	/** @returns {Child[]} */
	render() {
		return [];
	}
	/** After what it rendered is there. */
	drawn() {}

	/** Renders soon, however often it is asked. A hidden page has no frames. */
	refresh() {
		if (this.#due) return;
		this.#due = true;
		const once = () => this.#due && this.#draw();
		requestAnimationFrame(once);
		setTimeout(once, 200);
	}
	#draw() {
		this.#due = false;
		// A view whose place is another one already is about to go.
		if (!this.isConnected || (this.dataset.view ?? place.view) !== place.view) return;
		const focus = document.activeElement;
		patch(this, this.render());
		// A row that was moved has lost it.
		if (focus instanceof HTMLElement && focus !== document.activeElement && this.contains(focus)) {
			focus.focus({ preventScroll: true });
		}
		this.drawn();
	}
}

const ICONS = {
	create: "M12 5v14M5 12h14",
	queue: "M4 6h16M4 12h16M4 18h10",
	timeline: "M4 6h7M9 12h8M6 18h5M16 18h4",
	gallery: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4",
	conversations: "M4 5h16v11H10l-4 4v-4H4z",
	backends: "M4 5h16v6H4zM4 13h16v6H4zM8 8h.01M8 16h.01",
	log: "M6 4h12v16H6zM9 8h6M9 12h6M9 16h3",
	settings: "M4 8h9M17 8h3M4 16h3M11 16h9M15 6v4M9 14v4",
	close: "M6 6l12 12M18 6L6 18",
	more: "M6 12h.01M12 12h.01M18 12h.01",
	pause: "M9 6v12M15 6v12",
	play: "M8 5l11 7-11 7z",
	front: "M12 19V8M7 12l5-5 5 5M5 4h14",
	back: "M12 5v11M7 12l5 5 5-5M5 20h14",
	again: "M19 12a7 7 0 1 1-2-5l2 2M19 4v5h-5",
	download: "M12 4v11M7 11l5 5 5-5M5 20h14",
	trash: "M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13",
	copy: "M8 8h11v12H8zM5 16V4h11",
	dice: "M5 5h14v14H5zM9 9h.01M15 15h.01M15 9h.01M9 15h.01",
	search: "M11 18a7 7 0 1 1 0-14 7 7 0 0 1 0 14zM16 16l4 4",
	sun: "M12 16a4 4 0 1 1 0-8 4 4 0 0 1 0 8zM12 3v2M12 19v2M3 12h2M19 12h2M6 6l1 1M17 17l1 1M18 6l-1 1M7 17l-1 1",
	moon: "M19 14A8 8 0 0 1 10 5a8 8 0 1 0 9 9z",
	auto: "M12 20a8 8 0 1 1 0-16zM12 4a8 8 0 0 1 0 16",
	grip: "M9 6h.01M15 6h.01M9 12h.01M15 12h.01M9 18h.01M15 18h.01",
	check: "M5 13l4 4L19 7",
	left: "M14 6l-6 6 6 6",
	right: "M10 6l6 6-6 6",
	image: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4",
	compare: "M12 4v16M4 6h5v12H4zM15 6h5v12h-5z",
	swap: "M7 8h12l-3-3M17 16H5l3 3",
	retry: "M5 12a7 7 0 1 0 2-5L5 9M5 4v5h5",
};
/** @typedef {keyof typeof ICONS} Icon */

/** @param {Icon} name */
export function icon(name) {
	return h("svg.icon", { viewBox: "0 0 24 24", "aria-hidden": "true" }, h("path", { d: ICONS[name] }));
}
