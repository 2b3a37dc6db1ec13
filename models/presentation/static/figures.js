// Draws the Vega-Lite specifications in #data, in the language that the page shows; a hidden figure has no width to fit.
(() => {
  const { specs, formats, dark } = JSON.parse(document.getElementById("data").textContent);
  const screen = matchMedia("(prefers-color-scheme: dark)");
  const telephone = matchMedia("(max-width: 560px)");
  const recoloured = (text) => text.replace(/#[0-9a-f]{6}/g, (colour) => (screen.matches && dark[colour]) || colour);
  // Beside long names there is little room: what stands above and below a figure ends at its right
  const narrowed = (spec) => {
    spec.config.legend.layout = { top: { anchor: "end" } };
    spec.config.axisX = { titleAnchor: "end" };
    spec.padding = { left: 2, top: 2, right: 12, bottom: 2 };
    return spec;
  };
  const fitted = (spec) => {
    const text = recoloured(JSON.stringify(spec));
    return telephone.matches ? narrowed(JSON.parse(text.replaceAll('"columns":2', '"columns":1'))) : JSON.parse(text);
  };
  const draw = () => {
    const language = document.querySelector("input[name=language]:checked").value;
    for (const [name, spec] of Object.entries(specs[language])) {
      window.vegaEmbed(document.getElementById(`${language}-${name}`), fitted(spec),
        { actions: false, renderer: "svg", formatLocale: formats[language] });
    }
  };
  document.addEventListener("language", draw);
  screen.addEventListener("change", draw);
  telephone.addEventListener("change", draw);
  draw();
})();
