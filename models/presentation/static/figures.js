// Draws the Vega-Lite specifications in #data, in the language that the page shows; a hidden figure has no width to fit.
(() => {
  const { specs, formats, dark } = JSON.parse(document.getElementById("data").textContent);
  const screen = matchMedia("(prefers-color-scheme: dark)");
  const recoloured = (spec) => JSON.parse(
    JSON.stringify(spec).replace(/#[0-9a-f]{6}/g, (colour) => (screen.matches && dark[colour]) || colour));
  const draw = () => {
    const language = document.querySelector("input[name=language]:checked").value;
    for (const [name, spec] of Object.entries(specs[language])) {
      window.vegaEmbed(document.getElementById(`${language}-${name}`), recoloured(spec),
        { actions: false, renderer: "svg", formatLocale: formats[language] });
    }
  };
  document.addEventListener("language", draw);
  screen.addEventListener("change", draw);
  draw();
})();
