// Light or dark: as the system has it, unless somebody says otherwise. theme.js sees to it before the first paint.

import { state } from "./state.js";

export const THEMES = /** @type {const} */ (["auto", "light", "dark"]);
/** @typedef {"auto" | "light" | "dark"} Theme */

/** @returns {Theme} */
export const theme = () => /** @type {Theme | undefined} */ (document.documentElement.dataset.theme) ?? "auto";

/** @param {Theme} name */
export function setTheme(name) {
	if (name === "auto") delete document.documentElement.dataset.theme;
	else document.documentElement.dataset.theme = name;
	localStorage.setItem("easel.theme", name);
	state.changed();
}
