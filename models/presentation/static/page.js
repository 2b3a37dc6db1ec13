// The language of a page that holds all of them: by the link (?lang=de, #de), by the choice made before, by the browser.
(() => {
  const choices = [...document.querySelectorAll("input[name=language]")];
  // "de" and "de-AT" are German; "#definition" is a place on the page
  const known = (code) => choices.find((choice) => choice.value === String(code || "").toLowerCase().split(/[-_]/)[0]);
  const kept = (code) => {
    try {
      if (code) localStorage.setItem("language", code);
      return localStorage.getItem("language");
    } catch { return null; } // a frame without storage of its own
  };
  const show = (choice) => {
    choice.checked = true;
    document.documentElement.lang = choice.value;
    document.title = choice.dataset.title;
    for (const link of document.querySelectorAll("a[data-page]")) link.hash = choice.value;
    document.dispatchEvent(new CustomEvent("language", { detail: choice.value }));
  };
  const asked = () => known(location.hash.slice(1)) || known(new URLSearchParams(location.search).get("lang"));
  if (asked()) kept(asked().value);
  const first = asked() || known(kept()) || navigator.languages.map(known).find(Boolean);
  if (choices.length) show(first || choices.find((choice) => choice.checked) || choices[0]);
  for (const choice of choices) choice.addEventListener("change", () => {
    kept(choice.value);
    try { history.replaceState(null, "", "#" + choice.value); } catch { /* a frame without an address of its own */ }
    show(choice);
  });
  addEventListener("hashchange", () => { if (asked()) show(asked()); });
})();
