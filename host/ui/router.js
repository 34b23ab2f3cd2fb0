// Where the page is: the hash alone says it, so that back, forward and reload are exact.

import { state } from "./state.js";

/** @typedef {{view: string, path: string[], query: URLSearchParams}} Place */

/** @returns {Place} */
function read() {
	const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
	const [view, ...rest] = path.split("/").map((part) => {
		try {
			return decodeURIComponent(part);
		} catch {
			return part;
		}
	});
	return { view: view || "create", path: rest, query: new URLSearchParams(query ?? "") };
}

/** @type {Place} */
export let place = read();

addEventListener("hashchange", () => {
	place = read();
	state.changed();
});

/** The address of a view. @param {string[]} path @param {Record<string, string>} [query] */
export function address(path, query = {}) {
	const text = new URLSearchParams(Object.entries(query).filter(([, value]) => value)).toString();
	return `#/${path.map(encodeURIComponent).join("/")}${text && `?${text}`}`;
}

/** @param {string} to an address @param {boolean} [instead] of where it is now, which is then nowhere to come back to */
export function go(to, instead = false) {
	if (!instead) location.hash = to;
	else {
		history.replaceState(null, "", to);
		place = read();
		state.changed();
	}
}

/** Changes a part of the query of this place. @param {string} name @param {string} value */
export function refine(name, value) {
	const query = Object.fromEntries(place.query);
	go(address([place.view, ...place.path], { ...query, [name]: value }), true);
}
