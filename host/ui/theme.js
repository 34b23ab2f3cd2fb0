// Before the first paint, so that nobody is dazzled: the only script that is no module.
{
	const theme = localStorage.getItem("easel.theme");
	if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
}
